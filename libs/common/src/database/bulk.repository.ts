/**
 * Bulk operations in Postgres: asked for, looked up, carried out batch by batch (decisions/0022). A batch is one transaction
 * that changes jobs and moves the operation on, so that whoever goes on after a crash leaves no job out and does none twice.
 */
import { Injectable } from '@nestjs/common';
import {
  countSkipped,
  reasonToSkip,
  type BulkAction,
  type BulkState,
  type BulkTarget,
  type Skipped,
  type SkipReason,
} from '#common/domain/bulk.js';
import type { JobState, Json } from '#common/domain/job.js';
import {
  CANCEL_BULK,
  FAIL_BULK,
  GET_BULK,
  INSERT_BULK,
  LIST_BULK,
  lockTargets,
  RECORD_BATCH,
  RELEASE_BULK,
  stillFitting,
  TAKE_BULK,
} from './bulk-statements.js';
import { PURGE_JOBS, REDRIVE_JOBS } from './dead-letter.repository.js';
import { isCostly, type JobFilter } from './job-conditions.js';
import { AFTER_ALL, countNext, walk, type Statement } from './job-search-statements.js';
import { CANCEL_JOBS, FIND_IDEMPOTENCY_KEYS, REPRIORITISE_JOBS } from './job-statements.js';
import type { IdempotencyKey } from './keyed-submission.repository.js';
import { PrismaService, type Query } from './prisma.service.js';

/** Jobs of one batch: some ten milliseconds of work. */
const BATCH = 500;
/** Jobs looked at for one batch, where payloads must be unpacked, and elsewhere. */
const CHUNK = { costly: 1000, cheap: 5000 };
/** Keys of jobs cannot have a space, so these are different ones. */
const KEY_PREFIX = 'bulk ';
/** Below all ids: everything has been looked at. */
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

/** Who asks for an operation. */
export interface Requester {
  /** Their API key, if they have one, and its name. */
  readonly keyId: string | null;
  readonly name: string | null;
}

export interface BulkOperation {
  readonly id: string;
  readonly action: BulkAction['action'];
  /** As it was asked for. */
  readonly request: BulkAction & { readonly filter: { readonly [word: string]: Json } };
  readonly filter: JobFilter;
  readonly state: BulkState;
  readonly requestedBy: string | null;
  readonly requester: string | null;
  readonly oldest: string | null;
  readonly cursor: string;
  readonly held: readonly string[];
  readonly matched: number;
  readonly done: number;
  readonly skipped: Skipped;
  readonly error: string | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

export type BulkSubmission =
  | { readonly kind: 'created'; readonly operation: BulkOperation }
  /** The operation that an earlier request with the same Idempotency-Key made. */
  | { readonly kind: 'replayed'; readonly id: string }
  /** The Idempotency-Key was used for another request. */
  | { readonly kind: 'other-request' };

/** What others should hear of once a batch is committed. */
export interface BatchNews {
  /** Running jobs that are to end. */
  readonly ending: readonly string[];
  /** Jobs may be due. */
  readonly work: boolean;
  /** Jobs that had been handed over are not in flight any more. */
  readonly room: boolean;
  /** Jobs of workflows ended. */
  readonly workflows: boolean;
}

export interface Batch {
  readonly operationId: string;
  readonly news: BatchNews;
}

const NOTHING_NEW: BatchNews = { ending: [], work: false, room: false, workflows: false };

/** A batch took no effect, by a fault of its own and not because Postgres is away. */
export class BatchFailedError extends Error {
  override readonly name = 'BatchFailedError';

  constructor(
    readonly operationId: string,
    cause: unknown,
  ) {
    super('a batch of a bulk operation failed', { cause });
  }
}

interface Target extends BulkTarget {
  readonly id: string;
  readonly uniqueKey: string | null;
}

export interface Counted {
  readonly byState: { readonly [State in JobState]?: number };
  /** The oldest job that was looked at; undefined when all were. */
  readonly countedBackTo: string | undefined;
}

@Injectable()
export class BulkRepository {
  constructor(private readonly prisma: PrismaService) {}

  /** Asks for an operation, unless its Idempotency-Key has been used. */
  async create(
    id: string,
    request: BulkOperation['request'],
    filter: JobFilter,
    { keyId, name }: Requester,
    key?: IdempotencyKey,
  ): Promise<BulkSubmission> {
    const [row] = await this.prisma.query<BulkOperation>(
      INSERT_BULK,
      id,
      request.action,
      JSON.stringify(request),
      JSON.stringify(filter),
      keyId,
      name,
      AFTER_ALL,
      key === undefined ? null : KEY_PREFIX + key.key,
      key?.requestHash ?? null,
    );
    if (row !== undefined) return { kind: 'created', operation: row };
    const [known] = await this.prisma.query<{ requestHash: string; jobId: string }>(FIND_IDEMPOTENCY_KEYS, [
      KEY_PREFIX + (key?.key ?? ''),
    ]);
    if (known === undefined) throw new Error('an Idempotency-Key vanished while it was looked up');
    return known.requestHash === key?.requestHash
      ? { kind: 'replayed', id: known.jobId }
      : { kind: 'other-request' };
  }

  /** @param askedBy only if this key asked for it; null is any */
  async get(id: string, askedBy: string | null): Promise<BulkOperation | undefined> {
    const [row] = await this.prisma.query<BulkOperation>(GET_BULK, id, askedBy);
    return row;
  }

  /** Newest first. */
  list(before: string | undefined, limit: number, askedBy: string | null): Promise<BulkOperation[]> {
    return this.prisma.query<BulkOperation>(LIST_BULK, before ?? null, limit, askedBy);
  }

  /** The batch that is under way is the last. @returns undefined when it does not run */
  async cancel(id: string): Promise<BulkOperation | undefined> {
    const [row] = await this.prisma.query<BulkOperation>(CANCEL_BULK, id);
    return row;
  }

  /** How many jobs fit, by state. @param withinMs after which it stops */
  async count(filter: JobFilter, withinMs: number): Promise<Counted> {
    const byState: { [State in JobState]?: number } = {};
    const startedMs = performance.now();
    let before = AFTER_ALL;
    for (;;) {
      const { sql, parameters } = countNext(filter, { before, chunk: chunkOf(filter) });
      const rows = await this.prisma.query<{
        state: JobState | null;
        count: number;
        lookedBackTo: string | null;
      }>(sql, ...parameters);
      for (const { state, count } of rows) if (state !== null) byState[state] = (byState[state] ?? 0) + count;
      const next = rows.find(({ state }) => state === null)?.lookedBackTo ?? undefined;
      if (next === undefined || performance.now() - startedMs > withinMs)
        return { byState, countedBackTo: next };
      before = next;
    }
  }

  /**
   * One batch of the operation whose turn it is.
   * @param runner who carries it out; for `leaseMs` nobody else does
   * @returns what others should hear of, or 'idle' when there is nothing to do
   * @throws BatchFailedError, or DatabaseUnavailableError
   */
  async runBatch(runner: string, leaseMs: number): Promise<Batch | 'idle'> {
    let operation: BulkOperation | undefined;
    const failed = (cause: unknown): never => {
      if (operation === undefined) throw cause;
      throw new BatchFailedError(operation.id, cause);
    };
    const outcome = this.prisma.inTransaction(async (query) => {
      [operation] = await query<BulkOperation>(TAKE_BULK, runner, leaseMs);
      if (operation === undefined) return 'idle';
      return { operationId: operation.id, news: await carryOut(operation, query) };
    });
    return outcome.catch(failed);
  }

  async fail(id: string, reason: string): Promise<void> {
    await this.prisma.query(FAIL_BULK, id, reason);
  }

  /** Another one may go on at once with what this one has. */
  async release(runner: string): Promise<void> {
    await this.prisma.query(RELEASE_BULK, runner);
  }
}

async function carryOut(operation: BulkOperation, query: Query): Promise<BatchNews> {
  const run = <Row>({ sql, parameters }: Statement) => query<Row>(sql, ...parameters);
  const { id, request, held, cursor } = operation;
  const filter = { ...operation.filter, createdUntil: operation.createdAt.toISOString() };
  const next = await nextTargets(filter, cursor, BATCH - held.length, run);
  const wanted = [...held, ...next.ids];

  const targets = wanted.length === 0 ? [] : await run<Target>(lockTargets(filter, wanted));
  const locked = new Set(targets.map((target) => target.id));
  const missed = wanted.filter((one) => !locked.has(one));
  // Of those that could not be locked, some fit no more; the others are being changed, and are come back to.
  const stillHeld = missed.length === 0 ? [] : await run<{ id: string }>(stillFitting(filter, missed));

  const { chosen, reasons } = sortOut(request, targets);
  const { done, news } =
    chosen.length === 0 ? { done: 0, news: NOTHING_NEW } : await apply(request, chosen, query);
  // Only a unique key keeps a job from what it was chosen for.
  const refused = Array.from({ length: chosen.length - done }, (): SkipReason => 'unique-key-taken');
  await query(
    RECORD_BATCH,
    id,
    next.cursor,
    stillHeld.map((job) => job.id),
    targets.length,
    done,
    JSON.stringify(countSkipped(operation.skipped, [...reasons, ...refused])),
    next.cursor === BEFORE_ALL && stillHeld.length === 0,
  );
  return news;
}

async function nextTargets(
  filter: JobFilter,
  cursor: string,
  limit: number,
  run: <Row>(statement: Statement) => Promise<Row[]>,
): Promise<{ ids: string[]; cursor: string }> {
  if (cursor === BEFORE_ALL || limit <= 0) return { ids: [], cursor };
  const rows = await run<{ id: string | null; lookedBackTo: string | null }>(
    walk(filter, 'id', { before: cursor, chunk: chunkOf(filter), limit }),
  );
  const ids = rows.flatMap(({ id }) => id ?? []);
  const last = ids.length === limit ? ids.at(-1) : rows[0]?.lookedBackTo;
  return { ids, cursor: last ?? BEFORE_ALL };
}

/** Of two dead jobs that have the same unique key only one can come back. */
function sortOut(
  action: BulkAction,
  targets: readonly Target[],
): { chosen: string[]; reasons: SkipReason[] } {
  const reasons: SkipReason[] = [];
  const chosen: string[] = [];
  const keys = new Set<string>();
  for (const target of targets) {
    const isTaken = action.action === 'retry' && target.uniqueKey !== null && keys.has(target.uniqueKey);
    const reason = reasonToSkip(action, target) ?? (isTaken ? 'unique-key-taken' : undefined);
    if (reason !== undefined) {
      reasons.push(reason);
      continue;
    }
    if (target.uniqueKey !== null) keys.add(target.uniqueKey);
    chosen.push(target.id);
  }
  return { chosen, reasons };
}

async function apply(
  action: BulkAction,
  ids: readonly string[],
  query: Query,
): Promise<{ done: number; news: BatchNews }> {
  switch (action.action) {
    case 'cancel': {
      const rows = await query<{ id: string; state: JobState; handedOver: boolean; inWorkflow: boolean }>(
        CANCEL_JOBS,
        ids,
      );
      const news = {
        ending: rows.filter(({ state }) => state === 'running').map(({ id }) => id),
        work: false,
        room: rows.some(({ state, handedOver }) => state === 'cancelled' && handedOver),
        workflows: rows.some(({ inWorkflow }) => inWorkflow),
      };
      return { done: rows.length, news };
    }
    case 'retry': {
      const rows = await query(REDRIVE_JOBS, ids, action.attempts);
      return { done: rows.length, news: { ...NOTHING_NEW, work: rows.length > 0 } };
    }
    case 'delete':
      return { done: (await query(PURGE_JOBS, ids)).length, news: NOTHING_NEW };
    case 'reprioritise': {
      const rows = await query(REPRIORITISE_JOBS, ids, action.priority);
      return { done: rows.length, news: { ...NOTHING_NEW, work: true, room: true } };
    }
    default:
      throw new Error(`unknown action ${String(action satisfies never)}`);
  }
}

function chunkOf({ terms }: JobFilter): number {
  return terms.some(isCostly) ? CHUNK.costly : CHUNK.cheap;
}
