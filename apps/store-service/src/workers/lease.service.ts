/** What a worker outside can do with a job that it holds. Calls that arrive together share one statement. */
import { Injectable } from '@nestjs/common';
import { isValueFault } from '#common/database/database-errors.js';
import { LeaseRepository, type LeaseHold, type RenewedLease } from '#common/database/lease.repository.js';
import { Notifier } from '#common/database/notifications.js';
import type { EndedAttempt, FinishResult } from '#common/database/run.repository.js';
import type { Job, OutputPiece } from '#common/domain/job.js';
import { decide, decideUnfailed, type Decision, type Outcome } from '#common/domain/outcome.js';
import { Batcher } from '#common/runtime/batcher.js';
import { FollowedJobs } from '../jobs/followed-jobs.js';
import { illegalTransition } from '../jobs/illegal-transition.js';
import { Problem } from '../http/problem.js';
import type { LeaseClaim } from './lease-token.js';
import type { LeaseAction, LeaseActionBody } from './lease.schemas.js';
import type { HeartbeatView, LeaseAnswer } from './lease.views.js';

type Pieces = readonly Pick<OutputPiece, 'stream' | 'text'>[];
type End = Exclude<LeaseAction, { action: 'heartbeat' | 'output' }>;

/** Most calls in one statement. */
const BATCH = 1000;
/** Output is larger: calls in one statement. */
const OUTPUT_BATCH = 50;

@Injectable()
export class LeaseService {
  readonly #renewals: Batcher<LeaseHold & { leaseMs: number }, RenewedLease | 'stale'>;
  readonly #writings: Batcher<LeaseHold & { pieces: Pieces }, boolean>;
  readonly #ends: Batcher<EndedAttempt, FinishResult>;
  readonly #looks: Batcher<string, Job | undefined>;

  constructor(
    repository: LeaseRepository,
    private readonly notifier: Notifier,
    followed: FollowedJobs,
  ) {
    this.#renewals = new Batcher({ flush: (leases) => repository.renew(leases), maxItems: BATCH });
    this.#writings = new Batcher({
      flush: async (writings) => {
        const written = await repository.append(writings);
        for (const { jobId } of writings) followed.tell(jobId);
        return written;
      },
      maxItems: OUTPUT_BATCH,
      isItemFault: isValueFault,
    });
    this.#ends = new Batcher({
      flush: (ended) => repository.finish(ended),
      maxItems: BATCH,
      concurrency: 2,
      isItemFault: isValueFault,
    });
    this.#looks = new Batcher({ flush: (ids) => repository.jobs(ids), maxItems: BATCH });
  }

  /**
   * @throws Problem conflict when the lease no longer holds the job, or the job's state does not allow it; it names the
   * states that can follow. Problem not-found when there is no such job
   */
  async act(jobId: string, action: LeaseAction): Promise<LeaseAnswer> {
    const hold = holdOf(jobId, action.leaseToken);
    switch (action.action) {
      case 'heartbeat':
        return this.heartbeat(jobId, action);
      case 'output':
        await this.#append(hold, action.output);
        return { jobId, state: 'running' };
      default:
        return this.#end(hold, action);
    }
  }

  /** Renews the lease. @throws as `act` does */
  async heartbeat(
    jobId: string,
    { leaseToken, lease }: LeaseActionBody<'heartbeat'>,
  ): Promise<HeartbeatView> {
    const hold = holdOf(jobId, leaseToken);
    const renewed = await this.#renewals.add({ ...hold, leaseMs: lease ?? leaseToken.leaseMs });
    if (renewed === 'stale') throw await this.#refusal(hold);
    const { leaseUntil, cancelRequested } = renewed;
    return { jobId, state: 'running', expiresAt: leaseUntil.toISOString(), cancelRequested };
  }

  async #append(hold: LeaseHold, pieces: Pieces): Promise<void> {
    if (pieces.length > 0 && !(await this.#writings.add({ ...hold, pieces })))
      throw await this.#refusal(hold);
  }

  async #end(hold: LeaseHold, end: End): Promise<LeaseAnswer> {
    const { jobId } = hold;
    const decision = await this.#decide(hold, end);
    if ('output' in end && end.output !== undefined && end.output.length > 0) {
      // A repetition of a call whose answer was lost must not fail for its output's sake.
      if (!(await this.#writings.add({ ...hold, pieces: end.output }))) return this.#repeated(hold, end);
    }
    const state = await this.#ends.add({ ...hold, decision, output: [] });
    if (state === 'stale') return this.#repeated(hold, end);
    if (state === 'scheduled') this.notifier.send('work');
    return { jobId, state };
  }

  /** What the job becomes. Only after a failure, or a cancel, that depends on the job. */
  async #decide(hold: LeaseHold, end: End): Promise<Decision> {
    switch (end.action) {
      case 'complete':
        return decideUnfailed({ kind: 'succeeded', result: end.result });
      case 'snooze':
        return decideUnfailed({ kind: 'snoozed', delayMs: end.delay });
      case 'release':
        return decideUnfailed({ kind: 'interrupted' });
      case 'cancelled': {
        const job = await this.#held(hold);
        if (job.cancelRequestedAt === null)
          throw illegalTransition(job.state, 'Nobody has asked for the cancel of the job.');
        return decideUnfailed({ kind: 'cancelled' });
      }
      case 'fail':
        return decide(await this.#held(hold), failure(end), Math.random());
      default:
        throw new Error(`unknown action ${String(end satisfies never)}`);
    }
  }

  /** @throws Problem when the lease no longer holds it */
  async #held(hold: LeaseHold): Promise<Job> {
    const job = await this.#looks.add(hold.jobId);
    if (job?.state !== 'running' || !isOf(hold, job)) throw refusal(hold, job);
    return job;
  }

  /** A success that this very lease has recorded already is no error: the answer to the first call was lost. */
  async #repeated(hold: LeaseHold, end: End): Promise<LeaseAnswer> {
    const job = await this.#looks.add(hold.jobId);
    if (end.action === 'complete' && job?.state === 'succeeded' && isOf(hold, job))
      return { jobId: job.id, state: job.state };
    throw refusal(hold, job);
  }

  async #refusal(hold: LeaseHold): Promise<Problem> {
    return refusal(hold, await this.#looks.add(hold.jobId));
  }
}

function holdOf(jobId: string, { executorId, delivery, attempt }: LeaseClaim): LeaseHold {
  return { jobId, executorId, delivery, attempt };
}

/** Whether this lease is the last one that the job had. */
function isOf(hold: LeaseHold, job: Job): boolean {
  return job.executorId === hold.executorId && job.delivery === hold.delivery && job.attempt === hold.attempt;
}

function failure({
  error: { name, message, details },
  final,
  retryAfter,
}: Extract<End, { action: 'fail' }>): Outcome {
  return {
    kind: 'failed',
    error: { name, message, ...(details === undefined ? {} : { details }) },
    final,
    ...(retryAfter === undefined ? {} : { retryAfterMs: retryAfter }),
  };
}

function refusal(hold: LeaseHold, job: Job | undefined): Problem {
  if (job === undefined) return new Problem('not-found', `There is no job with id ${hold.jobId}.`);
  const others = job.state === 'running' && !isOf(hold, job);
  return illegalTransition(job.state, others ? 'The job runs under another lease.' : 'The lease is over.');
}
