/** A job from step to step, as events tell them: what is known of steps that were over before anybody could look. */
import { isEndState, type Job } from '#common/domain/job.js';
import type { JobEvent } from '#common/domain/job-event.js';

/** The job as it was after an event, as far as the event tells. */
export function jobAfter(job: Job, { change, state, attempt, delivery, at }: JobEvent): Job {
  const time = new Date(at);
  if (change === 'cancel-requested') return { ...job, state, attempt, delivery, cancelRequestedAt: time };
  return {
    ...job,
    state,
    attempt,
    delivery,
    ...(state === 'queued' && { queuedAt: time }),
    ...(state === 'running' && { startedAt: time, finishedAt: null }),
    ...(isEndState(state) && { finishedAt: time }),
  };
}

/** Whether a job that was looked at is still as an event said. */
export function isStillAs(job: Job, { change, state, attempt, delivery }: JobEvent): boolean {
  return (
    job.state === state &&
    job.attempt === attempt &&
    job.delivery === delivery &&
    (change !== 'cancel-requested' || job.cancelRequestedAt !== null)
  );
}

/** Whether one who knows the job as it was has something to learn. */
export function isNews(before: Job | undefined, now: Job): boolean {
  return (
    before === undefined ||
    before.state !== now.state ||
    before.attempt !== now.attempt ||
    before.delivery !== now.delivery ||
    before.cancelRequestedAt?.getTime() !== now.cancelRequestedAt?.getTime()
  );
}
