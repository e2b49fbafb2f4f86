/** Jobs as the store sees them: submit, look up, cancel. */
import { Injectable } from '@nestjs/common';
import { isEndState, type Job, type JobError, type NewJob, type OutputPiece } from '#common/domain/job.js';
import type { CountedOutcome } from '#common/domain/outcome.js';
import { Batcher } from '#common/runtime/batcher.js';
import { arrayLiteral } from './array-literal.js';
import { isValueFault } from './database-errors.js';
import {
  CANCEL_JOB,
  COUNT_ALL_JOBS,
  GET_JOB,
  GET_JOBS,
  INSERT_JOBS,
  INSERT_JOBS_WITH_HINT,
} from './job-statements.js';
import { Notifier } from './notifications.js';
import { PrismaService } from './prisma.service.js';

/** A statement is one round trip and one commit however many rows it has; beyond this, rows cost more than round trips. */
const INSERT_BATCH = 1000;
/** Two, so that one batch is on its way to Postgres while the other one's commit waits for the disk. */
const INSERT_CONCURRENCY = 2;
/** Commits that notify wait for each other, in the whole database: under load the hint goes by itself. */
const FEW = 4;
/** The leader looks for itself once a second, so that it need not be woken for what is due later, in milliseconds. */
const LEADER_LOOKS_MS = 1500;

/** Whether the leader should hear of a new job. */
export function isDueSoon({ runAt, createdAt }: NewJobTimes): boolean {
  return runAt.getTime() - createdAt.getTime() < LEADER_LOOKS_MS;
}

/** A job in a list: a large payload or result is null there, and named. */
export interface ListedJob extends Job {
  readonly omitted: readonly ('payload' | 'result')[];
}

/** An attempt that ended without ending its job. */
export interface EarlierAttempt {
  readonly attempt: number;
  readonly outcome: CountedOutcome;
  readonly executorId: string | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date;
  readonly error: JobError | null;
}

/** The array of a column that few jobs use: empty when none of these does. */
function rareColumn<Value>(jobs: readonly NewJob[], of: (job: NewJob) => Value | null): (Value | null)[] {
  return jobs.some((job) => of(job) !== null) ? jobs.map(of) : [];
}

/** The nineteen arrays that every statement which stores new jobs begins with. */
export function newJobColumns(jobs: readonly NewJob[]): unknown[] {
  const column = <Value>(of: (job: NewJob) => Value) => jobs.map(of);
  return [
    column((job) => job.id),
    column((job) => job.name),
    column((job) => job.type),
    column((job) => job.queue),
    column((job) => job.priority),
    column((job) => job.runAt?.toISOString() ?? null),
    column((job) => job.delayMs),
    column((job) => job.maxAttempts),
    column((job) => job.timeoutMs),
    column((job) => (job.retry === null ? null : JSON.stringify(job.retry))),
    column((job) => JSON.stringify(job.payload)),
    column((job) => job.onLost),
    column((job) => job.uniqueKey),
    rareColumn(jobs, (job) => job.concurrencyKey),
    rareColumn(jobs, (job) => job.fairnessKey),
    rareColumn(jobs, (job) => job.expiresAt?.toISOString() ?? null),
    rareColumn(jobs, (job) => job.expiresInMs),
    rareColumn(jobs, ({ tags }) => (tags.length === 0 ? null : arrayLiteral(tags))),
    rareColumn(jobs, (job) => job.createdBy),
  ];
}

/** What the database decides about a new job. */
export interface NewJobTimes {
  readonly id: string;
  readonly runAt: Date;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
}

/** A job as it is just after it was stored. */
export function storedJob(job: NewJob, { runAt, createdAt, expiresAt }: NewJobTimes): Job {
  // Field by field: this is done for each submission, and a spread costs several times as much.
  return {
    id: job.id,
    name: job.name,
    type: job.type,
    queue: job.queue,
    payload: job.payload,
    priority: job.priority,
    maxAttempts: job.maxAttempts,
    timeoutMs: job.timeoutMs,
    retry: job.retry,
    onLost: job.onLost,
    uniqueKey: job.uniqueKey,
    concurrencyKey: job.concurrencyKey,
    fairnessKey: job.fairnessKey,
    expiresAt,
    tags: job.tags,
    createdBy: job.createdBy,
    runAt,
    createdAt,
    state: 'scheduled',
    delivery: 0,
    attempt: 0,
    queuedAt: null,
    startedAt: null,
    finishedAt: null,
    executorId: null,
    worker: null,
    cancelRequestedAt: null,
    result: null,
    error: null,
    workflowId: null,
    waitsFor: null,
  };
}

@Injectable()
export class JobRepository {
  readonly #inserts = new Batcher<NewJob, Job>({
    flush: (jobs) => this.insertTogether(jobs),
    maxItems: INSERT_BATCH,
    concurrency: INSERT_CONCURRENCY,
    isItemFault: isValueFault,
  });

  constructor(
    private readonly prisma: PrismaService,
    private readonly notifier: Notifier,
  ) {}

  /**
   * Stores a new job; resolves when it is durable. Submissions that arrive together share one statement and one commit.
   * @throws DatabaseUnavailableError when it is not known to be stored
   */
  insert(job: NewJob): Promise<Job> {
    return this.#inserts.add(job);
  }

  /**
   * Stores all of the jobs or none, and wakes the leader when one is due.
   * @throws DatabaseUnavailableError when they are not known to be stored
   */
  async insertTogether(jobs: readonly NewJob[]): Promise<Job[]> {
    const withHint = jobs.length <= FEW && jobs.some(({ runAt, delayMs }) => runAt === null && delayMs === 0);
    const rows = await this.prisma.query<NewJobTimes>(
      withHint ? INSERT_JOBS_WITH_HINT : INSERT_JOBS,
      ...newJobColumns(jobs),
    );
    if (!withHint && rows.some(isDueSoon)) this.notifier.send('work');
    const times = new Map(rows.map((row) => [row.id, row]));
    return jobs.map((job) => storedJob(job, times.get(job.id) as NewJobTimes));
  }

  async get(id: string): Promise<Job | undefined> {
    const [job] = await this.prisma.query<Job>(GET_JOB, id);
    return job;
  }

  /** Those of the jobs that there are, in no particular order. */
  getMany(ids: readonly string[]): Promise<Job[]> {
    return this.prisma.query<Job>(GET_JOBS, ids);
  }

  async total(): Promise<number> {
    const [row] = await this.prisma.query<{ total: number }>(COUNT_ALL_JOBS);
    return row?.total ?? 0;
  }

  /**
   * Cancels a job. One that is running is only asked to end: it stays `running`, with `cancelRequestedAt` set, until its
   * executor has confirmed.
   * @returns the job, and whether the call found it still unfinished; undefined when there is no such job
   */
  async cancel(id: string): Promise<{ job: Job; accepted: boolean } | undefined> {
    const [cancelled] = await this.prisma.query<Job>(CANCEL_JOB, id);
    if (cancelled !== undefined) {
      // Jobs that depended on it may be due now, or are to be cancelled as well.
      if (cancelled.workflowId !== null) this.notifier.send('workflows');
      return { job: cancelled, accepted: true };
    }
    const job = await this.get(id);
    return job === undefined ? undefined : { job, accepted: !isEndState(job.state) };
  }

  async earlierAttempts(id: string): Promise<EarlierAttempt[]> {
    return this.prisma.query<EarlierAttempt>(
      `/* earlier_attempts */
       SELECT attempt, outcome, executor_id AS "executorId", started_at AS "startedAt", finished_at AS "finishedAt", error
       FROM job_attempts WHERE job_id = $1::uuid ORDER BY attempt`,
      id,
    );
  }

  /** What one attempt wrote, in the order of writing. */
  async output(id: string, attempt: number): Promise<OutputPiece[]> {
    return this.prisma.query<OutputPiece>(
      `/* job_output */
       SELECT stream, text, omitted_bytes::float8 AS "omittedBytes"
       FROM job_outputs WHERE job_id = $1::uuid AND attempt = $2 ORDER BY seq`,
      id,
      attempt,
    );
  }
}
