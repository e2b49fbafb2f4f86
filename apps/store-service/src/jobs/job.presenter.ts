/** Jobs as the API shows them. */
import type { EarlierAttempt, ListedJob } from '#common/database/job.repository.js';
import type { KnownProgress } from '#common/database/progress.repository.js';
import type { Job, OutputPiece } from '#common/domain/job.js';
import type { CountedOutcome } from '#common/domain/outcome.js';
import type { RetryPolicy } from '#common/domain/retry-policy.js';
import type {
  AttemptView,
  JobView,
  ListedJobView,
  OutputView,
  ProgressView,
  RetryView,
} from './job.views.js';

export function presentListedJob(job: ListedJob): ListedJobView {
  return { ...presentJob(job), omitted: job.omitted };
}

export function presentJob(job: Job): JobView {
  return {
    id: job.id,
    name: job.name,
    type: job.type,
    queue: job.queue,
    state: job.state,
    priority: job.priority,
    payload: job.payload,
    runAt: job.runAt.toISOString(),
    createdAt: job.createdAt.toISOString(),
    queuedAt: time(job.queuedAt),
    startedAt: time(job.startedAt),
    finishedAt: time(job.finishedAt),
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    timeout: job.timeoutMs,
    retry: job.retry === null ? null : presentRetry(job.retry),
    executor: job.executorId,
    worker: job.worker,
    cancelRequestedAt: time(job.cancelRequestedAt),
    expiresAt: time(job.expiresAt),
    onLost: job.onLost,
    uniqueKey: job.uniqueKey,
    concurrencyKey: job.concurrencyKey,
    fairnessKey: job.fairnessKey,
    workflowId: job.workflowId,
    waitsFor: job.waitsFor,
    tags: job.tags,
    createdBy: job.createdBy,
    result: job.result,
    error: job.error,
  };
}

/** What the attempt that ended a job came to; every other error is a failure. */
const OUTCOME_OF_ERROR: Readonly<Record<string, CountedOutcome>> = {
  Timeout: 'timed_out',
  ExecutorLost: 'lost',
  WorkLost: 'lost',
};

/** The earlier attempts, and the one that the job itself tells of: the running one, or the one that ended it. */
export function presentAttempts(job: Job, earlier: readonly EarlierAttempt[]): AttemptView[] {
  const past = earlier.map((attempt) => ({
    attempt: attempt.attempt,
    outcome: attempt.outcome,
    executor: attempt.executorId,
    startedAt: time(attempt.startedAt),
    finishedAt: time(attempt.finishedAt),
    error: attempt.error,
  }));
  const isKnown = job.attempt === 0 || past.some(({ attempt }) => attempt === job.attempt);
  if (isKnown || job.startedAt === null) return past;
  const latest = {
    attempt: job.attempt,
    outcome:
      job.state === 'dead' || job.state === 'blocked'
        ? (OUTCOME_OF_ERROR[job.error?.name ?? ''] ?? 'failed')
        : job.state,
    executor: job.executorId,
    startedAt: time(job.startedAt),
    finishedAt: time(job.finishedAt),
    error: job.error,
  };
  return [...past, latest];
}

export function presentProgress(progress: KnownProgress | undefined): ProgressView | null {
  if (progress === undefined) return null;
  const { percent, message, updatedAt } = progress;
  return { percent, message, updatedAt: updatedAt.toISOString() };
}

export function presentOutput(jobId: string, attempt: number, pieces: readonly OutputPiece[]): OutputView {
  const stream = (wanted: OutputPiece['stream']) =>
    pieces
      .filter(({ stream }) => stream === wanted)
      .map(({ text }) => text)
      .join('');
  const omittedBytes = pieces.reduce((sum, piece) => sum + piece.omittedBytes, 0);
  return {
    jobId,
    attempt,
    output: pieces
      .map(({ text, omittedBytes: gap }) => (gap > 0 ? `\n[… ${gap} bytes left out …]\n${text}` : text))
      .join(''),
    stdout: stream('out'),
    stderr: stream('err'),
    truncated: omittedBytes > 0,
    omittedBytes,
  };
}

export function presentRetry(retry: RetryPolicy): RetryView {
  switch (retry.strategy) {
    case 'exponential':
      return {
        strategy: 'exponential',
        base: retry.baseMs,
        factor: retry.factor,
        max: retry.maxMs,
        jitter: retry.jitter,
      };
    case 'fixed':
      return { strategy: 'fixed', delay: retry.delayMs };
    case 'list':
      return { strategy: 'list', delays: retry.delaysMs };
    case 'none':
      return { strategy: 'none' };
    default:
      throw new Error(`unknown retry strategy ${String(retry satisfies never)}`);
  }
}

function time(date: Date | null): string | null {
  return date?.toISOString() ?? null;
}
