/**
 * Leases from a queue with limits or with jobs that have keys: CLAIM_LIMITED for workers outside, in its words. Workers ask
 * for types, so there are no lanes to jump along: the first due jobs are read, and those that may go are chosen among them.
 */
import { recordEvents } from './event-statements.js';
import { EACH_PRIORITY, isIn, JOB_COLUMNS, NOT_EXPIRED, WITHOUT_FSYNC } from './job-statements.js';
import { LEASES_FOR, startLeased } from './lease-statements.js';
import { HOLDERS, measureRoom, SPEND } from './queue-room.js';

/** Most due jobs among which a lease chooses where jobs have keys: of all types together, and at least of each. */
const WINDOW = 1000;
const WINDOW_OF_TYPE = 10;

/**
 * Lease: starts due jobs of one limited queue, as far as its limits allow.
 * In: types; the queue; for each lease wanted its executor id, duration in milliseconds and the worker's name; how far beyond
 * its timeout an attempt's deadline lies, in milliseconds.
 * Guard: the queue's row, locked, is shared, neither paused nor unsettled, and nobody has claimed since this statement began to
 * see; state scheduled, not expired, and for a worker.
 * Rows: none when the queue cannot be looked at; else at least one: whether it is stale, in how many milliseconds another
 * look is worth while (null: after a hint), and a job with the end of its lease, or nulls; in the order of the leases wanted.
 * Index: jobs_lease_idx, jobs_limited_idx.
 *
 * The order: as for CLAIM_LIMITED, but the round over the fairness keys begins anywhere.
 * What waits for an executor holds up no lease: a lease starts at once, so its rate cannot become a burst.
 */
export const LEASE_LIMITED = `/* lease_limited */
WITH ${WITHOUT_FSYNC},
held AS MATERIALIZED (
  SELECT queues.name, concurrency, concurrency_per_key, rate_limit, rate_interval_ms, rate_next_at, keyed, claims,
         cardinality($3::uuid[]) AS room, 1 AS nth
  FROM nosync, queues
  WHERE queues.name = $2 AND settled AND NOT paused AND drain = 'shared'
  FOR UPDATE OF queues SKIP LOCKED
),
${measureRoom()},
candidates AS MATERIALIZED (
  SELECT job.*
  FROM wanted,
       LATERAL (SELECT CASE WHEN wanted.keyed THEN greatest(${WINDOW_OF_TYPE}, ${WINDOW} / cardinality($1::text[]))
                            ELSE wanted.allowed END AS most) AS look,
       unnest($1::text[]) AS asked(type),
       LATERAL (
         SELECT one.* FROM ${EACH_PRIORITY}, LATERAL (
           SELECT jobs.id, jobs.priority, leasable_at, coalesce(jobs.fairness_key, '') AS fairness, jobs.concurrency_key AS key
           FROM jobs
           WHERE jobs.type = asked.type AND jobs.queue = wanted.name AND jobs.priority = p.priority AND leasable_at <= now() AND ${NOT_EXPIRED}
           ORDER BY leasable_at, jobs.id LIMIT look.most
         ) AS one
         LIMIT look.most
       ) AS job
  WHERE wanted.allowed > 0
),
keys AS MATERIALIZED (
  SELECT used.key, wanted.concurrency_per_key -
    (SELECT count(*) FROM jobs WHERE ${HOLDERS} AND jobs.concurrency_key = used.key) AS room
  FROM wanted, (SELECT DISTINCT key FROM candidates WHERE key IS NOT NULL) AS used
),
places AS MATERIALIZED (
  SELECT fairness, random() AS place FROM (SELECT DISTINCT fairness FROM candidates) AS used
),
in_turn AS (
  SELECT candidates.*, places.place, keys.room AS key_room,
    row_number() OVER (PARTITION BY fairness ORDER BY priority, leasable_at, id) AS turn
  FROM candidates JOIN places USING (fairness) LEFT JOIN keys USING (key)
  WHERE key IS NULL OR keys.room > 0
),
of_keys AS (
  SELECT *, row_number() OVER (PARTITION BY key ORDER BY turn, place) AS of_key FROM in_turn
),
in_order AS (
  SELECT id, row_number() OVER (ORDER BY turn, place) AS nth FROM of_keys WHERE key IS NULL OR of_key <= key_room
),
taken AS MATERIALIZED (
  SELECT jobs.id, in_order.nth
  FROM wanted, in_order JOIN jobs ON jobs.id = in_order.id
  WHERE in_order.nth <= wanted.allowed AND ${isIn('scheduled')} AND coalesce(jobs.remote, false)
  FOR UPDATE OF jobs SKIP LOCKED
),
${LEASES_FOR('SELECT id AS job_id, row_number() OVER (ORDER BY nth) AS nth FROM taken')},
${startLeased(', limited = true')},
${recordEvents('leased')},
tally AS MATERIALIZED (SELECT 1 AS queue_nth, count(*)::int AS taken FROM leased HAVING count(*) > 0),
${SPEND},
verdict AS (
  SELECT stale, CASE
    WHEN stale THEN 0
    WHEN wanted.concurrency <= wanted.in_flight + counted.taken THEN NULL
    WHEN counted.taken < wanted.allowed THEN ${nextDueInMs()}
    ELSE extract(epoch FROM wanted.base - clock_timestamp())::float8 * 1000 + counted.taken * wanted.step_ms
  END AS again_in_ms
  FROM wanted, LATERAL (SELECT coalesce((SELECT tally.taken FROM tally), 0) AS taken) AS counted
)
SELECT stale, again_in_ms AS "againInMs", lease_until AS "leaseUntil", ${JOB_COLUMNS}
FROM verdict LEFT JOIN leased ON true ORDER BY nth`;

/** Of jobs that are not due yet; those that are due and were not taken have had their chance. */
function nextDueInMs(): string {
  return `(
    SELECT extract(epoch FROM min(first.leasable_at) - clock_timestamp())::float8 * 1000
    FROM unnest($1::text[]) AS asked(type), ${EACH_PRIORITY}, LATERAL (
      SELECT leasable_at FROM jobs
      WHERE jobs.type = asked.type AND jobs.queue = wanted.name AND jobs.priority = p.priority AND leasable_at > now()
      ORDER BY leasable_at, jobs.id LIMIT 1) AS first)`;
}
