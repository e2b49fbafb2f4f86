/** The SQL of bulk operations. What happens to the jobs of a batch, and that it has, is one transaction. */
import type { Statement } from './job-search-statements.js';
import { conditionOf, Parameters, type JobFilter } from './job-conditions.js';
import { mayBeDeleted } from './job-statements.js';

export const BULK_COLUMNS = `id, action, request, filter, state, requested_by AS "requestedBy", requester, oldest, cursor,
  coalesce(held, '{}') AS held, matched, done, skipped, error, created_at AS "createdAt", started_at AS "startedAt",
  finished_at AS "finishedAt"`;

/** Operations that ended so long ago are forgotten, in days. */
const KEPT_DAYS = 30;

/**
 * Asks for an operation, unless its Idempotency-Key has been used, and forgets old ones. In: id, action, request, filter, who
 * asked, their name, the id to begin below; its key and request hash, or null. Rows: it, or none when the key was known.
 */
export const INSERT_BULK = `/* insert_bulk */
WITH forgotten AS (DELETE FROM bulk_operations WHERE finished_at < now() - interval '${KEPT_DAYS} days'),
fresh_key AS (
  INSERT INTO idempotency_keys (key, request_hash, job_id)
  SELECT $8::text, $9::text, $1::uuid WHERE $8::text IS NOT NULL
  ON CONFLICT (key) DO NOTHING
  RETURNING job_id
),
made AS (SELECT $1::uuid AS id WHERE $8::text IS NULL UNION ALL SELECT job_id FROM fresh_key)
INSERT INTO bulk_operations (id, action, request, filter, requested_by, requester, cursor, oldest, created_at)
SELECT made.id, $2::text, $3::jsonb, $4::jsonb, $5::uuid, $6::text, $7::uuid, (SELECT id FROM jobs ORDER BY id LIMIT 1), date_trunc('milliseconds', now())
FROM made
RETURNING ${BULK_COLUMNS}`;

/** In: id; who asks, or null for anybody's. */
export const GET_BULK = `/* get_bulk */
SELECT ${BULK_COLUMNS} FROM bulk_operations WHERE id = $1::uuid AND ($2::uuid IS NULL OR requested_by = $2::uuid)`;

/** Newest first, from before a given id. In: that id or null; most rows; who asks, or null for everybody's. */
export const LIST_BULK = `/* list_bulk */
SELECT ${BULK_COLUMNS} FROM bulk_operations
WHERE ($1::uuid IS NULL OR id < $1::uuid) AND ($3::uuid IS NULL OR requested_by = $3::uuid) ORDER BY id DESC LIMIT $2`;

/** Ends an operation after the batch that is under way. In: id. Guard: it runs. Rows: it, or none. */
export const CANCEL_BULK = `/* cancel_bulk */
UPDATE bulk_operations SET state = 'cancelled', finished_at = now(), lease_until = NULL
WHERE id = $1::uuid AND state = 'running' RETURNING ${BULK_COLUMNS}`;

/**
 * Takes the operation whose turn it is, and locks it until its batch is done. In: who takes it; for how long nobody else does,
 * in milliseconds. Guard: it runs; it is theirs, nobody's, or that of a store that has not been heard of. Rows: it, or none.
 */
export const TAKE_BULK = `/* take_bulk */
UPDATE bulk_operations SET runner = $1::uuid, lease_until = clock_timestamp() + $2::float8 * interval '1 millisecond',
  started_at = coalesce(started_at, now()), updated_at = clock_timestamp()
WHERE id = (
  SELECT id FROM bulk_operations
  WHERE finished_at IS NULL AND (runner = $1::uuid OR lease_until IS NULL OR lease_until < now())
  ORDER BY updated_at LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING ${BULK_COLUMNS}`;

/**
 * What came of a batch. In: id; where to go on; jobs to come back to; how many matched, and how many it was done to; all that
 * were left alone, by reason; whether it was the last batch.
 */
export const RECORD_BATCH = `/* record_batch */
UPDATE bulk_operations SET cursor = $2::uuid, held = $3::uuid[], matched = matched + $4::int, done = done + $5::int, skipped = $6::jsonb,
  state = CASE WHEN $7::bool THEN 'done' ELSE state END, finished_at = CASE WHEN $7::bool THEN now() END
WHERE id = $1::uuid RETURNING id`;

/** What cannot be brought to its end. In: id, why. */
export const FAIL_BULK = `/* fail_bulk */
UPDATE bulk_operations SET state = 'failed', finished_at = now(), error = $2 WHERE id = $1::uuid AND state = 'running' RETURNING id`;

/** A store that ends gives back what it has. In: who. */
export const RELEASE_BULK = `/* release_bulk */
UPDATE bulk_operations SET lease_until = NULL WHERE finished_at IS NULL AND runner = $1::uuid RETURNING id`;

/**
 * Locks those of some jobs that fit, and that nobody else is changing just now.
 * Rows: BulkTarget of each, with its id and unique key, newest first.
 */
export function lockTargets(filter: JobFilter, ids: readonly string[]): Statement {
  const parameters = new Parameters();
  const sql = `/* lock_bulk_targets, planned each time */
SELECT jobs.id, jobs.state, jobs.priority, jobs.cancel_requested_at IS NOT NULL AS "cancelRequested", jobs.unique_key AS "uniqueKey",
  jobs.error IS NOT NULL AS "hasError", NOT ${mayBeDeleted('jobs')} AS "workflowOpen"
FROM jobs WHERE jobs.id = ANY (${parameters.bind(ids)}::uuid[]) AND ${conditionOf(filter, parameters)}
ORDER BY jobs.id DESC FOR UPDATE OF jobs SKIP LOCKED`;
  return { sql, parameters: parameters.values };
}

/** Those of some jobs that fit. Rows: id of each. */
export function stillFitting(filter: JobFilter, ids: readonly string[]): Statement {
  const parameters = new Parameters();
  const sql = `/* find_bulk_targets, planned each time */
SELECT jobs.id FROM jobs WHERE jobs.id = ANY (${parameters.bind(ids)}::uuid[]) AND ${conditionOf(filter, parameters)}`;
  return { sql, parameters: parameters.values };
}
