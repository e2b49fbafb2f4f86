/**
 * Submissions that must not make a second job: with an Idempotency-Key (a client repeats a request whose answer it did
 * not get), or with a unique key (at most one unfinished job has it).
 */
import { Injectable } from '@nestjs/common';
import type { Job, NewJob } from '#common/domain/job.js';
import { Batcher } from '#common/runtime/batcher.js';
import { KeyedTurns } from '#common/runtime/keyed-turns.js';
import { Semaphore } from '#common/runtime/semaphore.js';
import { isValueFault } from './database-errors.js';
import { newJobColumns, storedJob, type NewJobTimes } from './job.repository.js';
import {
  CANCEL_JOB,
  FIND_IDEMPOTENCY_KEYS,
  GET_JOBS,
  INSERT_IDEMPOTENT_JOBS,
  INSERT_UNIQUE_JOB,
  LOCK_UNIQUE_JOB,
} from './job-statements.js';
import { PrismaService } from './prisma.service.js';

export interface IdempotencyKey {
  readonly key: string;
  /** Tells whether two requests with one key are the same request. */
  readonly requestHash: string;
}

export type UniquePolicy = 'reject' | 'return-existing' | 'replace';

export type Submission =
  | { readonly kind: 'created'; readonly job: Job }
  /** The job that an earlier submission with the same Idempotency-Key made, or the one that has the unique key. */
  | { readonly kind: 'replayed' | 'existing'; readonly job: Job }
  /** The Idempotency-Key was used for another request. */
  | { readonly kind: 'other-request' }
  /** The job that the Idempotency-Key made has been deleted since. */
  | { readonly kind: 'pruned'; readonly jobId: string }
  /** An unfinished job has the unique key: the policy is `reject`, or it is `replace` and the job runs already. */
  | { readonly kind: 'taken'; readonly job: Job };

type UniqueJob = NewJob & { readonly uniqueKey: string };

/** Resolves when nobody else is submitting with this unique key; in force until the transaction ends. */
const TAKE_TURN = `/* take_turn */ SELECT pg_advisory_xact_lock(hashtextextended($1, 0))::text`;

/** Rows: one when the key was new. */
const REMEMBER_KEY = `/* remember_key */
INSERT INTO idempotency_keys (key, request_hash, job_id) VALUES ($1, $2, $3::uuid) ON CONFLICT (key) DO NOTHING RETURNING key`;

interface KeyRow extends IdempotencyKey {
  readonly jobId: string;
}

const INSERT_BATCH = 1000;

@Injectable()
export class KeyedSubmissionRepository {
  readonly #inserts = new Batcher<{ job: NewJob; key: IdempotencyKey }, Submission>({
    flush: (items) => this.#insertIdempotent(items),
    maxItems: INSERT_BATCH,
    concurrency: 2,
    isItemFault: isValueFault,
  });

  /** Those with one unique key wait for each other here, and not in connections that others need. */
  readonly #uniqueTurns = new KeyedTurns();
  /** And if all their keys are held up by somebody, the other half of the connections is left for everything else. */
  readonly #uniqueConnections: Semaphore;

  constructor(private readonly prisma: PrismaService) {
    this.#uniqueConnections = new Semaphore(Math.floor(prisma.connections / 2));
  }

  /** Stores a job unless its Idempotency-Key has been used. Submissions that arrive together share one commit. */
  submitIdempotent(job: NewJob, key: IdempotencyKey): Promise<Submission> {
    return this.#inserts.add({ job, key });
  }

  /** The same for jobs of which all or none are to be stored; a repetition finds all of them or none. */
  submitTogether(items: readonly { job: NewJob; key: IdempotencyKey }[]): Promise<Submission[]> {
    return this.#insertIdempotent(items);
  }

  async #insertIdempotent(items: readonly { job: NewJob; key: IdempotencyKey }[]): Promise<Submission[]> {
    const rows = await this.prisma.query<NewJobTimes>(
      INSERT_IDEMPOTENT_JOBS,
      ...newJobColumns(items.map(({ job }) => job)),
      items.map(({ key }) => key.key),
      items.map(({ key }) => key.requestHash),
    );
    const created = new Map(rows.map((row) => [row.id, row]));
    const repeated = items.filter(({ job }) => !created.has(job.id));
    const replays = await this.#replays(repeated.map(({ key }) => key));
    return items.map(({ job, key }) => {
      const times = created.get(job.id);
      return times === undefined ? replays(key) : { kind: 'created', job: storedJob(job, times) };
    });
  }

  /** Id of the job that a submission with this Idempotency-Key led to; undefined when the key is not known (any longer). */
  async jobIdOf(key: string): Promise<string | undefined> {
    const [row] = await this.prisma.query<KeyRow>(FIND_IDEMPOTENCY_KEYS, [key]);
    return row?.jobId;
  }

  /** What to answer to requests whose key has been used. */
  async #replays(keys: readonly IdempotencyKey[]): Promise<(key: IdempotencyKey) => Submission> {
    const known = new Map<string, KeyRow>();
    const jobs = new Map<string, Job>();
    if (keys.length > 0) {
      const rows = await this.prisma.query<KeyRow>(
        FIND_IDEMPOTENCY_KEYS,
        keys.map(({ key }) => key),
      );
      for (const row of rows) known.set(row.key, row);
      const ids = rows.map(({ jobId }) => jobId);
      for (const job of await this.prisma.query<Job>(GET_JOBS, ids)) jobs.set(job.id, job);
    }
    return ({ key, requestHash }) => {
      const row = known.get(key);
      if (row === undefined) throw new Error('an Idempotency-Key vanished while it was looked up');
      if (row.requestHash !== requestHash) return { kind: 'other-request' };
      const job = jobs.get(row.jobId);
      return job === undefined ? { kind: 'pruned', jobId: row.jobId } : { kind: 'replayed', job };
    };
  }

  /**
   * Stores a job unless an unfinished one has its unique key; then the policy says what happens. All of it, with the
   * Idempotency-Key if there is one, is one transaction, so that a repetition finds either everything or nothing.
   * @param mayTouch says of the other job's queue whether the caller may; if not, the key is simply taken
   */
  async submitUnique(
    job: UniqueJob,
    policy: UniquePolicy,
    key: IdempotencyKey | undefined,
    mayTouch: (queue: string) => boolean,
  ): Promise<Submission> {
    const submission = await this.#uniqueTurns.take(job.uniqueKey, async () => {
      const release = await this.#uniqueConnections.acquire();
      try {
        // Only a dead job that is re-driven in the same moment can take the key in between; then look again.
        for (;;) {
          const tried = await this.#tryUnique(job, policy, key, mayTouch);
          if (tried !== 'raced') return tried;
        }
      } finally {
        release();
      }
    });
    if (submission !== 'repeated') return submission;
    if (key === undefined) throw new Error('only a submission with an Idempotency-Key can be a repetition');
    return (await this.#replays([key]))(key);
  }

  #tryUnique(
    job: UniqueJob,
    policy: UniquePolicy,
    key: IdempotencyKey | undefined,
    mayTouch: (queue: string) => boolean,
  ): Promise<Submission | 'repeated' | 'raced'> {
    return this.prisma
      .inTransaction(async (query): Promise<Submission | 'repeated'> => {
        // Submissions with one unique key take turns, in whichever store they arrive.
        await query(TAKE_TURN, job.uniqueKey);
        if (key !== undefined && (await query(FIND_IDEMPOTENCY_KEYS, [key.key])).length > 0)
          return 'repeated';

        const [holder] = await query<Job>(LOCK_UNIQUE_JOB, job.uniqueKey);
        if (
          holder !== undefined &&
          (policy === 'reject' ||
            (policy === 'replace' && holder.state === 'running') ||
            !mayTouch(holder.queue))
        ) {
          return { kind: 'taken', job: holder };
        }
        const kept = policy === 'return-existing' ? holder : undefined;
        if (key !== undefined) {
          const remembered = await query(REMEMBER_KEY, key.key, key.requestHash, (kept ?? job).id);
          if (remembered.length === 0) return 'repeated';
        }
        if (kept !== undefined) return { kind: 'existing', job: kept };

        if (holder !== undefined) await query(CANCEL_JOB, holder.id);
        const [stored] = await query<Job>(INSERT_UNIQUE_JOB, ...newJobColumns([job]));
        if (stored === undefined) throw new Raced();
        return { kind: 'created', job: stored };
      })
      .catch((error: unknown) => {
        if (error instanceof Raced) return 'raced' as const;
        throw error;
      });
  }
}

/** Rolls a transaction back that found the unique key taken after all. */
class Raced extends Error {
  override readonly name = 'Raced';
}
