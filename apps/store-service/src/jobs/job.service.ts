/** What can be done with jobs, for every door that leads here. */
import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { newId } from '#common/runtime/new-id.js';
import { isDueSoon, JobRepository, type EarlierAttempt } from '#common/database/job.repository.js';
import { JobSearchRepository, type FoundJobs } from '#common/database/job-search.repository.js';
import {
  KeyedSubmissionRepository,
  type IdempotencyKey,
  type Submission,
} from '#common/database/keyed-submission.repository.js';
import { ParentRepository } from '#common/database/parent.repository.js';
import { Notifier } from '#common/database/notifications.js';
import { ProgressRepository, type KnownProgress } from '#common/database/progress.repository.js';
import { QueueRepository } from '#common/database/queue.repository.js';
import type { Parent } from '#common/domain/workflow.js';
import { TIMEOUT_MS, type Job, type NewJob, type OutputPiece } from '#common/domain/job.js';
import type { Caller } from '../access/caller.js';
import { Problem } from '../http/problem.js';
import { usedIdempotencyKey } from '../http/validation.js';
import { filterOf } from './job-filter.js';
import type { CreateJob, ListJobs } from './job.schemas.js';
import { illegalTransition } from './illegal-transition.js';
import { JobTypes } from './job-types.js';

export interface Submitted {
  readonly job: Job;
  /** False when the job was there already. */
  readonly created: boolean;
}

export interface JobWithHistory {
  readonly job: Job;
  readonly earlier: EarlierAttempt[];
  readonly progress: KnownProgress | undefined;
  readonly parents: Parent[];
}

@Injectable()
export class JobService {
  constructor(
    private readonly jobs: JobRepository,
    private readonly search: JobSearchRepository,
    private readonly keyed: KeyedSubmissionRepository,
    private readonly queues: QueueRepository,
    private readonly types: JobTypes,
    private readonly progress: ProgressRepository,
    private readonly notifier: Notifier,
    private readonly parents: ParentRepository,
  ) {}

  /**
   * Stores a job and returns it once it is durable.
   * @param idempotencyKey a repetition by the same caller, with the same key and request, returns the job that the first
   * one made
   * @throws Problem when its type or payload is not accepted, a key forbids it, or the caller may not submit it
   */
  submit(request: CreateJob, idempotencyKey: string | undefined, caller: Caller): Promise<Submitted> {
    const key = idempotencyKey === undefined ? undefined : caller.ownKey(idempotencyKey);
    return this.#submit(request, key, caller);
  }

  /**
   * The same with a key by which every caller knows the job, such as an id that a client has chosen.
   * @throws Problem as `submit` does
   */
  submitShared(request: CreateJob, key: string, caller: Caller): Promise<Submitted> {
    return this.#submit(request, key, caller);
  }

  async #submit(request: CreateJob, idempotencyKey: string | undefined, caller: Caller): Promise<Submitted> {
    this.check(request, caller);
    await this.queues.ensure(request.queue, hasKey(request));
    return answer(await this.#store(request, newJob(request, caller), idempotencyKey, caller), caller);
  }

  /** Stores all of the jobs or none, in one commit. They have been checked; none has a unique key. */
  async submitTogether(
    requests: readonly CreateJob[],
    idempotencyKey: string | undefined,
    caller: Caller,
  ): Promise<Submitted[]> {
    await ensureQueues(this.queues, requests);
    const submissions = await this.#storeTogether(requests, idempotencyKey, caller);
    return submissions.map((submission) => answer(submission, caller));
  }

  async #storeTogether(
    requests: readonly CreateJob[],
    key: string | undefined,
    caller: Caller,
  ): Promise<Submission[]> {
    const jobs = requests.map((request) => newJob(request, caller));
    if (key === undefined)
      return (await this.jobs.insertTogether(jobs)).map((job) => ({ kind: 'created', job }));
    const submissions = await this.keyed.submitTogether(
      jobs.map((job, index) => ({
        job,
        key: { key: caller.ownKey(keyOfItem(key, index)), requestHash: fingerprint(requests[index]) },
      })),
    );
    if (submissions.some(wakesLeader)) this.notifier.send('work');
    return submissions;
  }

  /** @throws Problem when the caller may not submit it, no executor runs the type, or the payload does not fit it */
  check({ type, payload, queue }: CreateJob, caller: Caller): void {
    caller.require({ scope: 'submit', queue, type });
    this.types.check(type, payload);
  }

  async #store(
    request: CreateJob,
    job: NewJob,
    idempotencyKey: string | undefined,
    caller: Caller,
  ): Promise<Submission> {
    const { uniqueKey } = job;
    const { uniquePolicy = 'reject' } = request;
    const key =
      idempotencyKey === undefined ? undefined : { key: idempotencyKey, requestHash: fingerprint(request) };
    if (uniqueKey === null && key === undefined) return { kind: 'created', job: await this.jobs.insert(job) };
    const submission =
      uniqueKey !== null
        ? await this.keyed.submitUnique({ ...job, uniqueKey }, uniquePolicy, key, (queue) =>
            caller.reaches(queue),
          )
        : await this.keyed.submitIdempotent(job, key as IdempotencyKey);
    if (wakesLeader(submission)) this.notifier.send('work');
    return submission;
  }

  /** @throws Problem when there is such a job and the caller may not see its queue */
  async find(id: string, caller: Caller): Promise<Job | undefined> {
    const job = await this.jobs.get(id);
    if (job !== undefined) caller.requireQueue(job.queue);
    return job;
  }

  /** @throws Problem when there is no such job, or the caller may not see its queue */
  async get(id: string, caller: Caller): Promise<Job> {
    const job = await this.jobs.get(id);
    if (job === undefined) throw notFound(id);
    caller.requireQueue(job.queue);
    return job;
  }

  /** For callers that are limited to some queues: a look at the job before something is done to it. */
  async requireReach(id: string, caller: Caller): Promise<void> {
    if (caller.queuePatterns !== null) await this.get(id, caller);
  }

  /** The job that a submission with this shared key led to; undefined when the key is not known (any longer). */
  async findBySharedKey(key: string, caller: Caller): Promise<Job | undefined> {
    const id = await this.keyed.jobIdOf(key);
    return id === undefined ? undefined : this.find(id, caller);
  }

  /** A job with its history, how far it is, and what it depends on. */
  async getWithHistory(id: string, caller: Caller): Promise<JobWithHistory> {
    const [job, earlier, progress] = await Promise.all([
      this.get(id, caller),
      this.jobs.earlierAttempts(id),
      this.progress.of(id),
    ]);
    const parents = job.waitsFor === null ? [] : await this.parents.parentsOf(id, caller.queuePatterns);
    return { job, earlier, progress, parents };
  }

  /** How many there are: exact as far as counting is cheap, beyond that an estimate. */
  total(): Promise<number> {
    return this.jobs.total();
  }

  /** One page, newest first, and where to go on. @throws Problem when the query is wrong */
  list({ limit, cursor, ...words }: ListJobs, { queuePatterns }: Caller): Promise<FoundJobs> {
    return this.search.page({ ...filterOf(words), queuePatterns }, cursor, limit);
  }

  /**
   * Cancels a job. One that runs is asked to end and is still `running` in the answer.
   * @throws Problem conflict when it had finished already
   */
  async cancel(id: string, caller: Caller): Promise<Job> {
    await this.requireReach(id, caller);
    const cancelled = await this.jobs.cancel(id);
    if (cancelled === undefined) throw notFound(id);
    const { job, accepted } = cancelled;
    if (!accepted) throw illegalTransition(job.state, 'Only an unfinished job can be cancelled.');
    if (job.state === 'running') this.notifier.send('cancel', id);
    // It was handed over and held a place in its queue.
    else if (job.queuedAt !== null) this.notifier.send('room');
    return job;
  }

  /** What an attempt wrote; the latest one unless told. @throws Problem when there was no such attempt */
  async output(
    id: string,
    wanted: number | undefined,
    caller: Caller,
  ): Promise<{ attempt: number; pieces: OutputPiece[] }> {
    const job = await this.get(id, caller);
    const attempt = wanted ?? job.attempt;
    if (attempt > job.attempt || wanted === 0) {
      throw new Problem(
        'not-found',
        `The job has had ${job.attempt} attempts; there is none with number ${attempt}.`,
      );
    }
    return { attempt, pieces: await this.jobs.output(id, attempt) };
  }
}

type QueuedJob = Pick<CreateJob, 'queue' | 'concurrencyKey' | 'fairnessKey'>;

/** To be called before the jobs are stored, so that leaders look for them. */
export async function ensureQueues(queues: QueueRepository, jobs: readonly QueuedJob[]): Promise<void> {
  const names = (wanted: readonly QueuedJob[]) => new Set(wanted.map(({ queue }) => queue));
  for (const queue of names(jobs)) await queues.ensure(queue);
  for (const queue of names(jobs.filter(hasKey))) await queues.ensure(queue, true);
}

/** Whether the leader of its queue must look for lanes. */
function hasKey({ concurrencyKey, fairnessKey }: QueuedJob): boolean {
  return concurrencyKey != null || fairnessKey != null;
}

function wakesLeader(submission: Submission): boolean {
  return submission.kind === 'created' && isDueSoon(submission.job);
}

/** @throws Problem when a key forbids the submission */
function answer(submission: Submission, caller: Caller): Submitted {
  switch (submission.kind) {
    case 'created':
      return { job: submission.job, created: true };
    case 'replayed':
    case 'existing':
      return { job: submission.job, created: false };
    case 'other-request':
      throw usedIdempotencyKey();
    case 'pruned':
      throw new Problem(
        'conflict',
        `The job that this Idempotency-Key made, ${submission.jobId}, has been deleted since.`,
      );
    case 'taken':
      if (!caller.reaches(submission.job.queue))
        throw new Problem('conflict', 'An unfinished job of a queue beyond this key has this uniqueKey.', [
          { field: 'uniqueKey', message: 'is taken' },
        ]);
      throw new Problem(
        'conflict',
        `The job ${submission.job.id} has this uniqueKey and is ${submission.job.state}.`,
        [{ field: 'uniqueKey', message: `is taken by the unfinished job ${submission.job.id}` }],
      );
    default:
      throw new Error(`unknown submission ${String(submission satisfies never)}`);
  }
}

/** The Idempotency-Key of one job of a batch that has a key. */
export function keyOfItem(key: string, index: number): string {
  return `${key}#${index}`;
}

/** With an id and every default filled in. */
export function newJob(request: CreateJob, caller: Caller): NewJob {
  return {
    id: newId(),
    name: request.name ?? null,
    type: request.type,
    queue: request.queue,
    payload: request.payload,
    priority: request.priority,
    runAt: request.runAt ?? null,
    delayMs: request.delay ?? 0,
    maxAttempts: request.maxAttempts,
    timeoutMs: request.timeout ?? TIMEOUT_MS.default,
    retry: request.retry ?? null,
    onLost: request.onLost,
    uniqueKey: request.uniqueKey ?? null,
    concurrencyKey: request.concurrencyKey ?? null,
    fairnessKey: request.fairnessKey ?? null,
    tags: request.tags ?? [],
    expiresAt: request.expiresAt instanceof Date ? request.expiresAt : null,
    expiresInMs: typeof request.expiresAt === 'number' ? request.expiresAt : null,
    createdBy: caller.keyId,
  };
}

function notFound(id: string): Problem {
  return new Problem('not-found', `There is no job with id ${id}.`);
}

/** The same for the same request; a relative time stays relative, so a repetition is recognised however late it comes. */
function fingerprint(request: CreateJob | undefined): string {
  return createHash('sha256').update(JSON.stringify(request)).digest('base64');
}
