/** Waits for a workflow to end, and tells of its progress where somebody watches. */
import type { Workflow } from './answers.js';
import type { CommandContext } from './context.js';
import { pause, withDeadline } from '#client/deadline.js';
import { WaitTimedOutError } from '#client/errors.js';
import { ExitCode } from './exit-codes.js';
import { formatDuration } from './text.js';
import { countsText } from './workflow-tables.js';

const FIRST_INTERVAL_MS = 100;
const LONGEST_INTERVAL_MS = 1_000;
const GROWTH = 1.5;
/** A store that restarts should not end a wait of hours. */
const PATIENCE_MS = 30_000;

export interface Waited {
  readonly workflow: Workflow;
  /** ok when it succeeded. */
  readonly exitCode: ExitCode;
}

/** @param timeoutMs without it the wait ends with the workflow, or when all that is left of it waits for a person */
export async function waitForWorkflow(
  context: CommandContext,
  id: string,
  timeoutMs: number | undefined,
): Promise<Waited> {
  let latest = await context.api().getWorkflow(id, { limit: 1 });
  const followUntil = async (signal: AbortSignal) => {
    const api = context.api().with({ signal, patienceMs: PATIENCE_MS });
    let told = '';
    for (let intervalMs = FIRST_INTERVAL_MS; latest.state === 'running';) {
      await pause(intervalMs, signal);
      latest = await api.getWorkflow(id, { limit: 1 });
      const line = countsText(latest.progress);
      intervalMs = line === told ? Math.min(intervalMs * GROWTH, LONGEST_INTERVAL_MS) : FIRST_INTERVAL_MS;
      if (line !== told) context.terminal.stderr.write(`${line}\n`);
      told = line;
    }
  };
  try {
    if (timeoutMs === undefined) await followUntil(context.signal);
    else await withDeadline(context.signal, timeoutMs, () => new WaitTimedOutError(), followUntil);
  } catch (error) {
    if (!(error instanceof WaitTimedOutError)) throw error;
    context.terminal.stderr.write(
      `the wait timed out after ${formatDuration(timeoutMs ?? 0)}; the workflow goes on\n`,
    );
  }
  const { jobs: _jobs, nextCursor: _nextCursor, ...workflow } = latest;
  return { workflow, exitCode: exitCodeOf(workflow) };
}

function exitCodeOf({ state }: Workflow): ExitCode {
  if (state === 'running') return ExitCode.waitTimedOut;
  return state === 'succeeded' ? ExitCode.ok : ExitCode.jobNotSucceeded;
}
