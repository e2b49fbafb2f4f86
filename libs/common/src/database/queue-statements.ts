/**
 * The SQL of queues: their settings, their counts, and what a change of settings does to what is in flight.
 *
 * A change is in force when its commit is answered. It bumps settings_version in the rows that leaders' claims hold
 * share-locked: claims under the old settings have ended by then, and later ones change nothing. What was handed over under
 * them and has not started is taken back afterwards, in steps, by whoever comes first (SETTLE_QUEUE); until that is done
 * nothing more of the queue is claimed.
 */
import { PRIORITY } from '#common/domain/job.js';
import { EVENT_COLUMNS, recordEvents } from './event-statements.js';

export const QUEUE_COLUMNS = `queues.name, queues.version, queues.paused, queues.concurrency,
  queues.concurrency_per_key AS "concurrencyPerKey", queues.rate_limit AS "rateLimit",
  queues.rate_interval_ms::float8 AS "rateIntervalMs", queues.drain, queues.created_at AS "createdAt", queues.updated_at AS "updatedAt"`;

/** Locks the epochs before the queue, as claims do, so that the two never wait for each other in a circle. */
const BUMPED = `bumped AS MATERIALIZED (
  UPDATE leader_epochs SET settings_version = settings_version + 1 WHERE election LIKE 'scheduler/%' RETURNING 1
),
announced AS MATERIALIZED (SELECT count(*) FROM bumped)`;

/** Jobs of the queue that wait for workers outside: one look into jobs_lease_idx for each of their types. @param most of each */
const leasableOf = (queue: string, most: number) => `
  SELECT leasable.one FROM job_types, LATERAL (
    SELECT 1 AS one FROM jobs WHERE jobs.type = job_types.type AND jobs.queue = ${queue} AND leasable_at IS NOT NULL LIMIT ${most}
  ) AS leasable WHERE job_types.remote`;

/** Rows: name, when it was created just now. */
export const ENSURE_QUEUE = `/* ensure_queue */
INSERT INTO queues (name) VALUES ($1) ON CONFLICT DO NOTHING RETURNING name`;

/** Whether jobs with a key are known to be in the queue. In: name. Rows: one or none. */
export const IS_KEYED = `/* is_keyed */ SELECT 1 AS one FROM queues WHERE name = $1 AND keyed`;

/** From now on jobs with a key may be in the queues: their leaders look for lanes. In: names. Rows: names. */
export const SET_KEYED = `/* set_keyed */
WITH ${BUMPED}
INSERT INTO queues (name, keyed) SELECT name, true FROM announced, unnest($1::text[]) AS name
ON CONFLICT (name) DO UPDATE SET keyed = true
RETURNING name`;

/**
 * Creates a queue with settings. In: name, concurrency, concurrency per key, rate limit, its interval, who drains it. Rows: it, or none when
 * there is one already.
 */
export const CREATE_QUEUE = `/* create_queue */
WITH ${BUMPED}
INSERT INTO queues (name, concurrency, concurrency_per_key, rate_limit, rate_interval_ms, drain)
SELECT $1, $2::int, $3::int, $4::int, $5::bigint, $6 FROM announced
ON CONFLICT (name) DO NOTHING
RETURNING ${QUEUE_COLUMNS}`;

/** The same for one that exists. In: also the version that was looked at. Guard: the version. Rows: it, or none. */
export const CHANGE_QUEUE = `/* change_queue */
WITH ${BUMPED}
UPDATE queues SET concurrency = $2::int, concurrency_per_key = $3::int, rate_limit = $4::int, rate_interval_ms = $5::bigint,
  rate_next_at = CASE WHEN (rate_limit, rate_interval_ms) IS NOT DISTINCT FROM ($4::int, $5::bigint) THEN rate_next_at END,
  drain = $6, settled = false, version = version + 1, updated_at = now()
FROM announced WHERE name = $1 AND version = $7
RETURNING ${QUEUE_COLUMNS}`;

/** Pauses or resumes. In: name, paused. Rows: the queue, or none when there is no such one or it is so already. */
export const PAUSE_QUEUE = `/* pause_queue */
WITH ${BUMPED}
UPDATE queues SET paused = $2::bool, settled = false, version = version + 1, updated_at = now()
FROM announced WHERE name = $1 AND paused <> $2::bool
RETURNING ${QUEUE_COLUMNS}`;

/** Most jobs dealt with in one step, so that a queue's row is not locked for long. */
const SETTLE_STEP = 1000;

/**
 * Deals with what is in flight from before a change of settings: what has not started goes back, and what runs counts
 * against the limits, if there are any. One step; rows that are just being changed are left for the next one.
 * In: name. Rows: one, whether it is done; none when it was done before. Index: jobs_in_flight_idx.
 */
export const SETTLE_QUEUE = `/* settle_queue */
WITH held AS MATERIALIZED (
  SELECT name, paused OR keyed OR concurrency IS NOT NULL OR rate_limit IS NOT NULL OR drain = 'leader' AS limited
  FROM queues WHERE name = $1 AND NOT settled FOR UPDATE
),
earlier AS MATERIALIZED (
  SELECT jobs.id FROM held, jobs
  WHERE held.limited AND jobs.in_flight_since IS NOT NULL AND jobs.queue = $1 AND (jobs.state = 'queued' OR jobs.limited IS NOT TRUE)
  ORDER BY jobs.in_flight_since LIMIT ${SETTLE_STEP}
),
mine AS MATERIALIZED (
  SELECT jobs.id FROM earlier JOIN jobs ON jobs.id = earlier.id
  WHERE jobs.in_flight_since IS NOT NULL FOR UPDATE OF jobs SKIP LOCKED
),
settled_jobs AS (
  UPDATE jobs SET limited = true,
    state = CASE WHEN state = 'queued' THEN 'scheduled' ELSE state END,
    queued_at = CASE WHEN state = 'queued' THEN NULL ELSE queued_at END
  FROM mine WHERE jobs.id = mine.id AND jobs.in_flight_since IS NOT NULL
  RETURNING ${EVENT_COLUMNS}
),
${recordEvents('settled_jobs', { only: `state = 'scheduled'` })},
counts AS MATERIALIZED (
  SELECT (SELECT count(*) FROM earlier) AS found, (SELECT count(*) FROM settled_jobs) AS done
)
UPDATE queues SET settled = found = done AND found < ${SETTLE_STEP}, claims = claims + 1
FROM held, counts WHERE queues.name = held.name
RETURNING settled`;

/** In: name. */
export const GET_QUEUE = `/* get_queue */ SELECT ${QUEUE_COLUMNS} FROM queues WHERE name = $1`;

/** By name, from behind a given one. In: that name or null, most rows. */
export const LIST_QUEUES = `/* list_queues */
SELECT ${QUEUE_COLUMNS} FROM queues WHERE ($1::text IS NULL OR name > $1) AND ($3::text[] IS NULL OR name LIKE ANY ($3::text[]))
ORDER BY name LIMIT $2`;

/** Counting ends here: more than this many jobs of a state are not told apart from this many. */
export const COUNTED = 10_000;

/**
 * How many jobs of some queues wait, are in flight, or are dead. In: names. Rows: queue, state, count, for counts above zero;
 * each at most COUNTED. What has ended otherwise is not counted: no index knows, and none should have to be written to.
 * Index: jobs_claim_idx, jobs_lane_due_idx, jobs_lease_idx, jobs_in_flight_idx, jobs_dead_idx.
 */
export const COUNT_JOBS = `/* count_jobs */
SELECT wanted.queue, 'scheduled' AS state, least(${COUNTED}, count(*))::int AS count
FROM unnest($1::text[]) AS wanted(queue), LATERAL (
  (SELECT 1 FROM jobs WHERE jobs.queue = wanted.queue AND claimable_at IS NOT NULL
     AND fairness_key IS NULL AND concurrency_key IS NULL LIMIT ${COUNTED})
  UNION ALL
  (SELECT 1 FROM jobs WHERE jobs.queue = wanted.queue AND claimable_at IS NOT NULL
     AND (fairness_key IS NOT NULL OR concurrency_key IS NOT NULL) LIMIT ${COUNTED})
  UNION ALL
  (${leasableOf('wanted.queue', COUNTED)} LIMIT ${COUNTED})
) AS waiting
GROUP BY wanted.queue
UNION ALL
SELECT queue, state, least(${COUNTED}, count(*))::int
FROM (SELECT queue, state FROM jobs WHERE in_flight_since IS NOT NULL LIMIT ${COUNTED * 10}) AS in_flight
WHERE queue = ANY ($1::text[]) GROUP BY queue, state
UNION ALL
SELECT queue, 'dead', least(${COUNTED}, count(*))::int
FROM (SELECT queue FROM jobs WHERE died_at IS NOT NULL LIMIT ${COUNTED * 10}) AS dead
WHERE queue = ANY ($1::text[]) GROUP BY queue`;

/**
 * Deletes a queue that has no scheduled, queued or running job. In: name, version or null. Guard: the version; emptiness.
 * Rows: what was deleted, or none.
 */
export const DELETE_QUEUE = `/* delete_queue */
WITH ${BUMPED}
DELETE FROM queues USING announced
WHERE name = $1 AND ($2::int IS NULL OR version = $2)
  AND NOT EXISTS (SELECT 1 FROM generate_series(${PRIORITY.most}, ${PRIORITY.least}) AS p(priority), LATERAL (
    SELECT 1 FROM jobs WHERE jobs.queue = $1 AND jobs.priority = p.priority AND claimable_at IS NOT NULL
      AND fairness_key IS NULL AND concurrency_key IS NULL LIMIT 1) AS waiting)
  AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.queue = $1 AND claimable_at IS NOT NULL
    AND (fairness_key IS NOT NULL OR concurrency_key IS NOT NULL))
  AND NOT EXISTS (${leasableOf('$1', 1)})
  AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.queue = $1 AND in_flight_since IS NOT NULL)
RETURNING ${QUEUE_COLUMNS}`;

/**
 * Queues that have jobs and no row, or jobs with keys and no word of it: one was deleted just when a job came in, or a job
 * was stored by somebody who does not know of keys. Rows: name, keyed. Index: jobs_claim_idx, jobs_lane_due_idx, jobs_lease_idx.
 */
export const FIND_FORGOTTEN_QUEUES = `/* find_forgotten_queues */
WITH RECURSIVE plain(queue) AS (
  SELECT ''
  UNION ALL
  SELECT next.queue FROM plain, LATERAL (
    SELECT jobs.queue FROM jobs WHERE claimable_at IS NOT NULL AND fairness_key IS NULL AND concurrency_key IS NULL
      AND jobs.queue > plain.queue ORDER BY jobs.queue LIMIT 1) AS next
),
with_keys(queue) AS (
  SELECT ''
  UNION ALL
  SELECT next.queue FROM with_keys, LATERAL (
    SELECT jobs.queue FROM jobs WHERE claimable_at IS NOT NULL AND (fairness_key IS NOT NULL OR concurrency_key IS NOT NULL)
      AND jobs.queue > with_keys.queue ORDER BY jobs.queue LIMIT 1) AS next
),
for_workers(type, queue) AS (
  SELECT type, '' FROM job_types WHERE remote
  UNION ALL
  SELECT for_workers.type, next.queue FROM for_workers, LATERAL (
    SELECT jobs.queue FROM jobs WHERE jobs.type = for_workers.type AND leasable_at IS NOT NULL
      AND jobs.queue > for_workers.queue ORDER BY jobs.queue LIMIT 1) AS next
)
SELECT queue AS name, false AS keyed FROM (SELECT queue FROM plain UNION SELECT queue FROM for_workers) AS used WHERE queue <> '' AND NOT EXISTS (SELECT 1 FROM queues WHERE name = queue)
UNION ALL
SELECT queue, true FROM with_keys WHERE queue <> '' AND NOT EXISTS (SELECT 1 FROM queues WHERE name = queue AND keyed)`;
