/**
 * The SQL of workers outside, in the manner of job-statements.ts. A lease is what claim, start and heartbeat are for an
 * executor: it is the right to run one job, named by an `executor_id` of its own that is the hash of a secret which only
 * the worker has. So T6's guard (state, delivery, attempt, executor) fences a worker's calls as it fences an executor's.
 */
import { TOLD_STATES } from './dependency-statements.js';
import { recordEvents } from './event-statements.js';
import { EACH_PRIORITY, FINISH, isIn, JOB_COLUMNS, NOT_EXPIRED, WITHOUT_FSYNC } from './job-statements.js';
import { IS_LIMITED } from './queue-room.js';

/**
 * The queues in which a job of each type ($1) is scheduled for workers, one look into the index for each; only those of $2
 * unless it is null.
 */
const STOCKED = `stocked(type, queue) AS (
  SELECT wanted.type, first.queue FROM unnest($1::text[]) AS wanted(type), LATERAL (
    SELECT jobs.queue FROM jobs WHERE jobs.type = wanted.type AND leasable_at IS NOT NULL ORDER BY jobs.queue LIMIT 1) AS first
  UNION ALL
  SELECT stocked.type, next.queue FROM stocked, LATERAL (
    SELECT jobs.queue FROM jobs
    WHERE jobs.type = stocked.type AND leasable_at IS NOT NULL AND jobs.queue > stocked.queue ORDER BY jobs.queue LIMIT 1) AS next
),
asked AS MATERIALIZED (
  SELECT type, queue FROM stocked WHERE $2::text[] IS NULL OR queue = ANY ($2::text[])
)`;

/** Most limited queues that are told of by one look, and so looked into: others come up in later ones. */
const LIMITED_QUEUES = 100;

/** The leases wanted ($3 to $5), each with its job. @param chosen SQL of the jobs: job_id, nth */
export const LEASES_FOR = (chosen: string) => `leases AS (
  SELECT chosen.job_id, lease.nth, lease.executor, lease.lease_ms, lease.worker_name
  FROM (${chosen}) AS chosen
  JOIN unnest($3::uuid[], $4::float8[], $5::text[]) WITH ORDINALITY AS lease(executor, lease_ms, worker_name, nth) USING (nth)
)`;

/** Starts the jobs of LEASES_FOR. $6 is how far the deadline lies beyond the timeout. @param more further assignments */
export const startLeased = (more = '') => `leased AS (
  UPDATE jobs SET state = 'running', delivery = delivery + 1, attempt = attempt + 1, executor_id = leases.executor,
    worker = leases.worker_name, queued_at = now(), started_at = now(), finished_at = NULL,
    deadline = now() + (timeout_ms + $6::float8) * interval '1 millisecond',
    lease_until = now() + leases.lease_ms * interval '1 millisecond'${more}
  FROM leases WHERE jobs.id = leases.job_id AND ${isIn('scheduled')}
  RETURNING leases.nth, jobs.*
)`;

/**
 * Lease: starts due jobs for workers outside, most urgent first, from queues without limits; and tells of those with limits,
 * for which LEASE_LIMITED is.
 * In: types; queues or null; for each lease wanted its executor id, duration in milliseconds and the worker's name; how far
 * beyond its timeout an attempt's deadline lies, in milliseconds; whether limited queues may have the turn. They have it half
 * of the time, so that neither kind starves the other, and then nothing is leased here.
 * Guard: the queues are shared and neither paused nor limited nor unsettled, share-locked, so that a change of settings waits
 * for this lease or beats it; state scheduled, not expired, and for a worker; rows that another lease is just taking are passed
 * over. A queue without a row, just deleted when a job came in, is left alone until the leader brings it back.
 * Rows: at least one: the limited queues, in random order, and whether they have the turn; and a job with the end of its
 * lease, or nulls; in the order of the leases wanted.
 * Index: jobs_lease_idx, read once for each type, queue and priority. Queues come in random order, so that none is always
 * served before another.
 */
export const LEASE_JOBS = `/* lease_jobs */
WITH RECURSIVE ${WITHOUT_FSYNC},
${STOCKED},
limited AS MATERIALIZED (
  SELECT queue FROM (SELECT DISTINCT queue FROM asked) AS distinct_queues JOIN queues ON queues.name = queue
  WHERE settled AND NOT paused AND drain = 'shared' AND ${IS_LIMITED} ORDER BY random() LIMIT ${LIMITED_QUEUES}
),
turn AS MATERIALIZED (
  SELECT $7::bool AND random() < 0.5 AND EXISTS (SELECT 1 FROM limited) AS yielded
),
ordinary AS MATERIALIZED (
  SELECT asked.type, asked.queue FROM asked JOIN queues ON queues.name = asked.queue
  WHERE settled AND NOT paused AND drain = 'shared' AND NOT ${IS_LIMITED} FOR SHARE OF queues SKIP LOCKED
),
open AS MATERIALIZED (SELECT type, queue FROM ordinary ORDER BY random()),
due AS MATERIALIZED (
  SELECT one.id
  FROM nosync, ${EACH_PRIORITY},
       LATERAL (
         SELECT job.id
         FROM open,
              LATERAL (
                SELECT jobs.id FROM jobs
                WHERE jobs.type = open.type AND jobs.queue = open.queue AND jobs.priority = p.priority AND leasable_at <= now() AND ${NOT_EXPIRED}
                ORDER BY leasable_at, jobs.id LIMIT cardinality($3::uuid[]) FOR UPDATE OF jobs SKIP LOCKED
              ) AS job
         LIMIT cardinality($3::uuid[])
       ) AS one
  LIMIT (SELECT CASE WHEN yielded THEN 0 ELSE cardinality($3::uuid[]) END FROM turn)
),
${LEASES_FOR('SELECT due.id AS job_id, row_number() OVER () AS nth FROM due')},
${startLeased()},
${recordEvents('leased')}
SELECT ARRAY(SELECT queue FROM limited) AS "limitedQueues", yielded, lease_until AS "leaseUntil", ${JOB_COLUMNS}
FROM turn LEFT JOIN leased ON true ORDER BY nth`;

/**
 * When the next job for such a worker is due, in queues without limits. In: types; queues or null. Rows: one; in how many
 * milliseconds (negative when it is overdue), or null when none is scheduled. Index: jobs_lease_idx.
 */
export const NEXT_LEASABLE = `/* next_leasable */
WITH RECURSIVE ${STOCKED},
open AS MATERIALIZED (
  SELECT asked.type, asked.queue FROM asked JOIN queues ON queues.name = asked.queue
  WHERE settled AND NOT paused AND drain = 'shared' AND NOT ${IS_LIMITED}
)
SELECT (extract(epoch FROM min(first.leasable_at) - clock_timestamp()) * 1000)::float8 AS "dueInMs"
FROM open, ${EACH_PRIORITY}, LATERAL (
  SELECT leasable_at FROM jobs
  WHERE jobs.type = open.type AND jobs.queue = open.queue AND jobs.priority = p.priority AND leasable_at IS NOT NULL AND ${NOT_EXPIRED}
  ORDER BY leasable_at, jobs.id LIMIT 1) AS first`;

/** Leases as parameters $1 to $4 and as a table named l, and the guard that they still hold their jobs. */
const LEASES = `unnest($1::uuid[], $2::int[], $3::int[], $4::uuid[]) AS l(id, delivery, attempt, executor_id)`;
const STILL_HOLDS = `jobs.id = l.id AND ${isIn('running')} AND jobs.executor_id = l.executor_id
  AND jobs.delivery = l.delivery AND jobs.attempt = l.attempt`;

/**
 * Heartbeat of a worker: renews leases. In: job, delivery, attempt and executor id of each, and for how many milliseconds.
 * Guard: T6's. Rows: the end of each lease that was renewed, and whether its job is to be cancelled.
 */
export const RENEW_LEASES = `/* renew_leases */
WITH ${WITHOUT_FSYNC}
UPDATE jobs SET lease_until = now() + l.lease_ms * interval '1 millisecond'
FROM nosync, unnest($1::uuid[], $2::int[], $3::int[], $4::uuid[], $5::float8[]) AS l(id, delivery, attempt, executor_id, lease_ms)
WHERE ${STILL_HOLDS}
RETURNING jobs.id, jobs.executor_id AS "executorId", jobs.lease_until AS "leaseUntil",
  jobs.cancel_requested_at IS NOT NULL AS "cancelRequested"`;

/**
 * Output, first half: holds the jobs whose leases still stand, so that nobody else appends meanwhile. Guard: T6's. Rows: ids.
 */
export const HOLD_LEASED = `/* hold_leased */
SELECT jobs.id, jobs.executor_id AS "executorId" FROM ${LEASES}, jobs WHERE ${STILL_HOLDS} ORDER BY jobs.id FOR UPDATE OF jobs`;

/** Pieces of output that one attempt of a worker keeps; what comes later is only counted. */
const MAX_PIECES = 10_000;
/** The last piece of an attempt that wrote too much tells how much was left out. */
const REST = 2_147_483_647;

/**
 * Output, second half, in the same transaction: appends pieces, as far as the attempt has room; of the rest the bytes are
 * counted. In: job, attempt, stream and text of each piece, in order; how many bytes an attempt may have.
 */
export const APPEND_OUTPUT = `/* append_output */
WITH piece AS (
  SELECT p.*, octet_length(p.text) AS bytes,
    sum(octet_length(p.text)) OVER (PARTITION BY p.job_id ORDER BY p.nth) AS bytes_so_far,
    row_number() OVER (PARTITION BY p.job_id ORDER BY p.nth) AS pieces_so_far
  FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[]) WITH ORDINALITY AS p(job_id, attempt, stream, text, nth)
),
before AS MATERIALIZED (
  SELECT a.job_id, a.attempt, count(o.seq)::int AS pieces, coalesce(sum(octet_length(o.text)), 0) AS bytes,
    coalesce(bool_or(o.seq = ${REST}), false) AS full_up
  FROM (SELECT DISTINCT job_id, attempt FROM piece) AS a LEFT JOIN job_outputs o ON o.job_id = a.job_id AND o.attempt = a.attempt
  GROUP BY 1, 2
),
judged AS (
  SELECT piece.*, before.pieces + pieces_so_far - 1 AS seq,
    NOT full_up AND before.bytes + bytes_so_far <= $5::int AND before.pieces + pieces_so_far <= ${MAX_PIECES} AS fits
  FROM piece JOIN before USING (job_id, attempt)
)
INSERT INTO job_outputs AS o (job_id, attempt, seq, stream, text, omitted_bytes)
SELECT job_id, attempt, seq::int, stream, text, 0 FROM judged WHERE fits
UNION ALL
SELECT job_id, attempt, ${REST}, min(stream), '', sum(bytes) FROM judged WHERE NOT fits GROUP BY 1, 2
ON CONFLICT (job_id, attempt, seq) DO UPDATE SET omitted_bytes = o.omitted_bytes + excluded.omitted_bytes`;

/**
 * T6 for workers: what they wrote is stored already, and goes when the attempt does not count, as it does for executors.
 * In: FINISH's eleven arrays. Rows: id, executor id and resulting state of each accepted attempt; then those of TOLD_STATES,
 * and one without a state when limits of a queue have room again.
 */
export const FINISH_LEASED = `/* finish_leased */
WITH ${FINISH('')},
dropped AS (
  DELETE FROM job_outputs USING accepted, ended
  WHERE ended.id = accepted.id AND ended.executor_id = accepted.executor_id AND NOT ended.counted
    AND job_outputs.job_id = accepted.id AND job_outputs.attempt = accepted.ended_attempt
)
SELECT id, executor_id AS "executorId", state FROM accepted
UNION ALL SELECT told.id, NULL::uuid, told.state FROM (${TOLD_STATES}) AS told
UNION ALL SELECT NULL, NULL, NULL WHERE EXISTS (SELECT 1 FROM accepted WHERE limited)`;
