/**
 * Jobs that are stored by hand, in bulk, so that a measurement starts from a known backlog; and what became of them.
 * This is the one file of the benchmark that knows the columns of Triumvir's tables.
 */
import { settle } from './servers.js';
import type { Session } from './session.js';

/** UUIDv7 from a number of milliseconds and a running number, in the order of both. */
const UUID = (ms: string, number: string) => `(lpad(to_hex((${ms})::bigint), 12, '0') || '7'
  || lpad(to_hex((${number}) % 4096), 3, '0') || '8' || substr(md5(random()::text), 1, 15))::uuid`;
/** So that 4,096 ids of one millisecond never run out. */
const IDS_PER_MS = 1000;
/** Rows of one INSERT: long enough to be fast, short enough to stop. */
const CHUNK = 250_000;

export interface StoredJobs {
  readonly count: number;
  readonly type: string;
  readonly payload?: object;
  /** When the first one is due, in milliseconds since the epoch. */
  readonly runAtMs: number;
  /** How much later each next one is due, in milliseconds; default 0. */
  readonly everyMs?: number;
}

/** Stores jobs as a submission would have, and tells the services. */
export async function storeJobs(db: Session, jobs: StoredJobs): Promise<void> {
  const { count, type, payload = {}, runAtMs, everyMs = 0 } = jobs;
  for (let from = 0; from < count; from += CHUNK) {
    await db.query(
      `INSERT INTO jobs (id, type, queue, state, priority, run_at, max_attempts, timeout_ms, payload)
       SELECT ${UUID(`$1::float8 + i / ${IDS_PER_MS}`, 'i')}, $2, 'default', 'scheduled', 5,
              to_timestamp(($3::float8 + i * $4::float8) / 1000), 4, 60000, $5::jsonb
       FROM generate_series($6::int, $7::int - 1) AS i`,
      [Date.now(), type, runAtMs, everyMs, JSON.stringify(payload), from, Math.min(from + CHUNK, count)],
    );
  }
  await announceQueue(db);
}

/** Stores jobs that succeeded long ago: one in each millisecond until `ageMs` before now. */
export async function storeHistory(db: Session, count: number, ageMs: number): Promise<void> {
  for (let from = 0; from < count; from += CHUNK) {
    await db.query(
      `INSERT INTO jobs (id, type, queue, state, priority, run_at, delivery, attempt, max_attempts, timeout_ms, payload,
                         created_at, started_at, finished_at)
       SELECT ${UUID('at_ms', 'i')}, 'noop', 'default', 'succeeded', 5, at, 1, 1, 4, 60000, '{}', at, at, at
       FROM generate_series($1::int, $2::int - 1) AS i,
            LATERAL (SELECT $3::float8 + i AS at_ms) AS moment, LATERAL (SELECT to_timestamp(at_ms / 1000) AS at) AS stamp`,
      [from, Math.min(from + CHUNK, count), Date.now() - ageMs - count],
    );
  }
}

/** Makes the queue known to executors and schedulers, as the first submission does. */
export async function announceQueue(db: Session): Promise<void> {
  await db.query(`INSERT INTO queues (name) VALUES ('default') ON CONFLICT DO NOTHING`);
  await db.query(`SELECT pg_notify('triumvir', hint) FROM unnest('{queues,work}'::text[]) AS hint`);
}

/** Time to store, vacuum and checkpoint before jobs become due: so much at least, and so much for each job. */
const FILL_MS = 2500;
const FILL_MS_A_JOB = 0.04;

export interface GunOptions {
  readonly type?: string;
  readonly payload?: object;
  /** Further time for the vacuum of a database that holds more than these jobs, in milliseconds. */
  readonly extraMs?: number;
}

/**
 * Stores jobs that all become due at one instant in the near future, and readies the database until then: the starting
 * gun. @returns that instant, in milliseconds since the epoch
 */
export async function loadGun(db: Session, count: number, options: GunOptions = {}): Promise<number> {
  const { type = 'noop', payload = {}, extraMs = 0 } = options;
  const runAtMs = Math.ceil(Date.now() + FILL_MS + count * FILL_MS_A_JOB + extraMs);
  await storeJobs(db, { count, type, payload, runAtMs });
  await settle(db.url);
  if (Date.now() > runAtMs)
    throw new Error(`storing ${count} jobs took ${Date.now() - runAtMs} ms longer than was planned for`);
  return runAtMs;
}

export interface Ends {
  readonly succeeded: number;
  readonly unfinished: number;
  readonly attempts: number;
  /** When the last one succeeded, in milliseconds since the epoch, on Postgres' clock. */
  readonly lastMs: number;
}

/** What became of the jobs that were due at an instant. */
export async function endsOf(db: Session, runAtMs: number): Promise<Ends> {
  const [ends] = await db.query<Ends>(
    `SELECT count(*) FILTER (WHERE state = 'succeeded')::int AS succeeded,
            count(*) FILTER (WHERE finished_at IS NULL)::int AS unfinished,
            coalesce(sum(attempt), 0)::int AS attempts,
            (extract(epoch FROM max(finished_at)) * 1000)::float8 AS "lastMs"
     FROM jobs WHERE run_at = to_timestamp($1::float8 / 1000)::timestamptz(3)`,
    [runAtMs],
  );
  if (ends === undefined) throw new Error('an aggregate returned no row');
  return ends;
}

/** True when no job is due, handed over or running. Cheap: it asks two partial indexes. */
export async function isDrained(db: Session): Promise<boolean> {
  const [row] = await db.query<{ drained: boolean }>(
    `SELECT NOT EXISTS (SELECT FROM jobs WHERE in_flight_since IS NOT NULL)
        AND NOT EXISTS (SELECT FROM jobs WHERE queue = 'default' AND priority = 5 AND claimable_at <= now()
            AND fairness_key IS NULL AND concurrency_key IS NULL) AS drained`,
  );
  return row?.drained === true;
}

/** How many jobs wait, have been handed over, or run. Cheap while they are few. */
export async function countUnfinished(db: Session): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `SELECT ((SELECT count(*) FROM jobs WHERE claimable_at IS NOT NULL
              AND fairness_key IS NULL AND concurrency_key IS NULL)
           + (SELECT count(*) FROM jobs WHERE in_flight_since IS NOT NULL))::int AS count`,
  );
  return row?.count ?? Number.NaN;
}

/** True when a job is there that was created before an instant. Cheap: ids are in the order of creation. */
export async function oldestIsBefore(db: Session, ms: number): Promise<boolean> {
  const [row] = await db.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM jobs WHERE id < (lpad(to_hex($1::bigint), 12, '0') || repeat('0', 20))::uuid) AS found`,
    [ms],
  );
  return row?.found === true;
}
