/** What is said of a job to a person, the same in tables and in the progress display. */
import type { JobState } from '#common/domain/job.js';
import { isFinished, type Job } from './answers.js';
import { formatDuration, oneLine, type Style } from './text.js';

export const STATE_STYLE: Readonly<Record<JobState, Style>> = {
  blocked: 'gray',
  scheduled: 'gray',
  queued: 'blue',
  running: 'cyan',
  succeeded: 'green',
  dead: 'red',
  cancelled: 'yellow',
  expired: 'yellow',
};

/** Its name; without one the command it runs; else its id. */
export function labelOf(job: Job): string {
  const { payload } = job;
  const command =
    typeof payload === 'object' && payload !== null && 'command' in payload ? payload.command : undefined;
  const label = job.name ?? (job.type === 'command' && typeof command === 'string' ? command : '');
  return oneLine(label) || job.id;
}

/** Its state, and that it has been told to end when it has not ended yet. */
export const stateOf = (job: Job): string =>
  job.cancelRequestedAt !== null && !isFinished(job) ? `${job.state} (cancelling)` : job.state;

export const attemptsOf = (job: Job): string => `${job.attempt}/${job.maxAttempts}`;

/** How long its last attempt took, or has been running at `now`; '-' when it has not started. */
export function durationOf(job: Job, now: number): string {
  if (job.startedAt === null) return '-';
  if (job.finishedAt === null && job.state !== 'running') return '-';
  const end = job.finishedAt === null ? now : Date.parse(job.finishedAt);
  // This machine's clock may be behind the store's.
  return formatDuration(Math.max(0, end - Date.parse(job.startedAt)));
}

/** The exit code of a command that has one, in its result or in its error; '-' for every other job. */
export function exitCodeOfCommand(job: Job): string {
  const { result, error } = job;
  const ofError = error?.exitCode ?? error?.details?.exitCode;
  if (typeof ofError === 'number') return String(ofError);
  if (typeof result !== 'object' || result === null) return '-';
  if ('exitCode' in result && typeof result.exitCode === 'number') return String(result.exitCode);
  return 'signal' in result && typeof result.signal === 'string' ? result.signal : '-';
}
