/** Waits for jobs to end, shows how they get on, and tells at the end what became of each. */
import { isFinished, type Job } from './answers.js';
import type { StoreApi } from './api.js';
import { mapConcurrently } from './concurrency.js';
import { REQUESTS_AT_ONCE, type CommandContext } from './context.js';
import { withDeadline } from '#client/deadline.js';
import { ExitCode } from './exit-codes.js';
import { follow } from './follow.js';
import { ProblemError, UnreachableError, WaitTimedOutError } from '#client/errors.js';
import { printRecords, type OutputFormat } from './output.js';
import { showProgress } from './progress-display.js';
import { outcomesTable } from './tables.js';
import { firstLine, formatDuration } from './text.js';

export interface WaitOptions {
  readonly format: OutputFormat;
  /** Without it the wait ends with the last job. */
  readonly timeoutMs?: number | undefined;
}

/** A store that restarts should not end a wait of hours. */
const PATIENCE_MS = 30_000;

/** @returns the exit code: ok when all succeeded */
export async function waitForJobs(
  context: CommandContext,
  jobs: readonly Job[],
  options: WaitOptions,
): Promise<ExitCode> {
  const { terminal } = context;
  const latest = new Map(jobs.map((job) => [job.id, job]));
  const display = showProgress(jobs, terminal);
  const followUntil = (signal: AbortSignal) => {
    const api = context.api().with({ signal, patienceMs: PATIENCE_MS });
    return follow(jobs, {
      getJob: (id) => api.getJob(id),
      onAnswer: (job) => {
        latest.set(job.id, job);
        display.update(job);
      },
      signal,
    });
  };
  try {
    if (options.timeoutMs === undefined) await followUntil(context.signal);
    else await withDeadline(context.signal, options.timeoutMs, () => new WaitTimedOutError(), followUntil);
  } catch (error) {
    if (!(error instanceof WaitTimedOutError)) throw error;
  } finally {
    display.end();
  }

  const ended = [...latest.values()];
  await printOutcomes(context, ended, options.format);
  if (!ended.every(isFinished)) {
    terminal.stderr.write(
      `the wait timed out after ${formatDuration(options.timeoutMs ?? 0)}; the jobs go on\n`,
    );
    return ExitCode.waitTimedOut;
  }
  return ended.every(({ state }) => state === 'succeeded') ? ExitCode.ok : ExitCode.jobNotSucceeded;
}

async function printOutcomes(
  context: CommandContext,
  jobs: readonly Job[],
  format: OutputFormat,
): Promise<void> {
  const api = context.api();
  const lines =
    format === 'table' ? await mapConcurrently(jobs, REQUESTS_AT_ONCE, (job) => firstLineOf(api, job)) : [];
  const outcomes = jobs.map((job, index) => ({ job, firstLine: lines[index] ?? '' }));
  printRecords(context.terminal, format, jobs, (style) => outcomesTable(outcomes, style, Date.now()));
}

const LONGEST_FIRST_LINE = 200;

/** The line that says most: of a job that failed, what it complained of. */
async function firstLineOf(api: StoreApi, job: Job): Promise<string> {
  const { output, stdout, stderr } = await outputOf(api, job);
  const complaint = job.state === 'succeeded' ? '' : firstLine(stderr) || firstLine(job.error?.message ?? '');
  return (complaint || firstLine(stdout) || firstLine(output)).slice(0, LONGEST_FIRST_LINE);
}

/** The output is an extra in the table: when there is none to be had, the table comes without it. */
async function outputOf(api: StoreApi, { id, attempt }: Job) {
  const none = { output: '', stdout: '', stderr: '' };
  if (attempt === 0) return none;
  try {
    return await api.getOutput(id);
  } catch (error) {
    if (error instanceof ProblemError || error instanceof UnreachableError) return none;
    throw error;
  }
}
