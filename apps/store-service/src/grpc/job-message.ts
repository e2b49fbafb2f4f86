/** Jobs as messages of triumvir.v1. */
import type { EarlierAttempt } from '#common/database/job.repository.js';
import type { Job, JobState, OnLost } from '#common/domain/job.js';
import type { RetryPolicy } from '#common/domain/retry-policy.js';
import { presentAttempts } from '../jobs/job.presenter.js';
import type { AttemptView } from '../jobs/job.views.js';
import type { RetryMessage } from './new-job.js';
import { fitsMessage, structOf, valueOf } from './struct.js';
import { secondsOf, timestampOf, type SecondsMessage } from './time.js';

export function stateName(state: JobState): `JOB_STATE_${Uppercase<JobState>}` {
  return `JOB_STATE_${state.toUpperCase() as Uppercase<JobState>}`;
}

export function jobMessage(job: Job): object {
  const omitted = (['payload', 'result'] as const).filter((field) => !fitsMessage(job[field]));
  return {
    id: job.id,
    name: job.name ?? '',
    type: job.type,
    queue: job.queue,
    state: stateName(job.state),
    priority: job.priority,
    payload: omitted.includes('payload') ? undefined : valueOf(job.payload),
    runAt: timestampOf(job.runAt),
    createdAt: timestampOf(job.createdAt),
    queuedAt: timestamp(job.queuedAt),
    startedAt: timestamp(job.startedAt),
    finishedAt: timestamp(job.finishedAt),
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    timeout: secondsOf(job.timeoutMs),
    retry: job.retry === null ? undefined : retryMessage(job.retry),
    executor: job.executorId ?? '',
    cancelRequestedAt: timestamp(job.cancelRequestedAt),
    onLost: `ON_LOST_${job.onLost.toUpperCase() as Uppercase<OnLost>}`,
    uniqueKey: job.uniqueKey ?? '',
    result: omitted.includes('result') ? undefined : valueOf(job.result),
    error: errorMessage(job.error),
    workflowId: job.workflowId ?? '',
    waitsFor: job.waitsFor ?? undefined,
    concurrencyKey: job.concurrencyKey ?? '',
    fairnessKey: job.fairnessKey ?? '',
    expiresAt: timestamp(job.expiresAt),
    tags: job.tags ?? [],
    omitted,
  };
}

export function jobMessageWithAttempts(job: Job, earlier: readonly EarlierAttempt[]): object {
  const attempts = presentAttempts(job, earlier).map(({ startedAt, finishedAt, error, ...attempt }) => ({
    ...attempt,
    executor: attempt.executor ?? '',
    startedAt: timestamp(startedAt === null ? null : new Date(startedAt)),
    finishedAt: timestamp(finishedAt === null ? null : new Date(finishedAt)),
    error: errorMessage(error),
  }));
  return { ...jobMessage(job), attempts };
}

function timestamp(date: Date | null): SecondsMessage | undefined {
  return date === null ? undefined : timestampOf(date);
}

function errorMessage(error: AttemptView['error']): object | undefined {
  if (error === null) return undefined;
  const { name, message, details = {} } = error;
  return { name, message, details: fitsMessage(details, 1) ? structOf(details) : {} };
}

function retryMessage(retry: RetryPolicy): RetryMessage {
  switch (retry.strategy) {
    case 'exponential': {
      const { baseMs, factor, maxMs, jitter } = retry;
      return { exponential: { base: secondsOf(baseMs), factor, max: secondsOf(maxMs), jitter } };
    }
    case 'fixed':
      return { fixed: { delay: secondsOf(retry.delayMs) } };
    case 'list':
      return { list: { delays: retry.delaysMs.map(secondsOf) } };
    case 'none':
      return { none: {} };
    default:
      throw new Error(`unknown retry strategy ${String(retry satisfies never)}`);
  }
}
