/** What can be done with jobs, for every door that leads here. */
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { JobRepository, type EarlierAttempt } from '#common/database/job.repository.js';
import { Notifier } from '#common/database/notifications.js';
import { QueueRepository } from '#common/database/queue.repository.js';
import { TIMEOUT_MS, type Job, type OutputPiece } from '#common/domain/job.js';
import { Problem } from '../http/problem.js';
import type { CreateJob, ListJobs } from './job.schemas.js';
import { JobTypes } from './job-types.js';

@Injectable()
export class JobService {
  constructor(
    private readonly jobs: JobRepository,
    private readonly queues: QueueRepository,
    private readonly types: JobTypes,
    private readonly notifier: Notifier,
  ) {}

  /** Stores a job and returns it once it is durable. @throws Problem when its type or payload is not accepted */
  async submit(request: CreateJob): Promise<Job> {
    this.types.check(request.type, request.payload);
    await this.queues.ensure(request.queue);
    const job = await this.jobs.insert({
      id: uuidv7(),
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
    });
    this.notifier.send('work');
    return job;
  }

  async get(id: string): Promise<Job> {
    const job = await this.jobs.get(id);
    if (job === undefined) throw notFound(id);
    return job;
  }

  async getWithAttempts(id: string): Promise<{ job: Job; earlier: EarlierAttempt[] }> {
    const [job, earlier] = await Promise.all([this.get(id), this.jobs.earlierAttempts(id)]);
    return { job, earlier };
  }

  /** One page, newest first, and the id to go on from when there is more. */
  async list({
    state,
    type,
    queue,
    limit,
    cursor,
  }: ListJobs): Promise<{ jobs: Job[]; nextId: string | undefined }> {
    // One more than asked for tells whether there is a next page.
    const jobs = await this.jobs.list({ states: state, type, queue, before: cursor }, limit + 1);
    const page = jobs.slice(0, limit);
    return { jobs: page, nextId: jobs.length > limit ? page.at(-1)?.id : undefined };
  }

  /**
   * Cancels a job. One that runs is asked to end and is still `running` in the answer.
   * @throws Problem conflict when it had finished already
   */
  async cancel(id: string): Promise<Job> {
    const cancelled = await this.jobs.cancel(id);
    if (cancelled === undefined) throw notFound(id);
    const { job, accepted } = cancelled;
    if (!accepted)
      throw new Problem(
        'conflict',
        `The job is ${job.state} already; only an unfinished job can be cancelled.`,
      );
    if (job.state === 'running') this.notifier.send('cancel', id);
    return job;
  }

  /** What an attempt wrote; the latest one unless told. @throws Problem when there was no such attempt */
  async output(id: string, wanted: number | undefined): Promise<{ attempt: number; pieces: OutputPiece[] }> {
    const job = await this.get(id);
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

function notFound(id: string): Problem {
  return new Problem('not-found', `There is no job with id ${id}.`);
}
