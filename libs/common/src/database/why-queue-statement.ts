/**
 * What "why" must know of the queue of a job, in one look whose cost does not depend on how many jobs wait: places are counted
 * up to the limit, and turns among the jobs that have been due for longest.
 */
import { KEYED } from './limited-claim-statement.js';
import { HOLDERS } from './queue-room.js';

/** Jobs that hold a limit and are named. */
const HOLDERS_NAMED = 5;
/** Of the jobs that hold a limit, so many are looked at to name those that have run for longest. */
const HOLDERS_SEEN = 1000;
/** Due jobs with keys among which turns are counted. */
const TURNS_SEEN = 2000;

/** @param which SQL of the jobs that hold places, of a table "jobs" */
const named = (which: string) => `ARRAY(
    SELECT holder.id::text FROM (
      SELECT jobs.id, jobs.state, jobs.in_flight_since FROM jobs WHERE ${which} LIMIT ${HOLDERS_SEEN}) AS holder
    ORDER BY holder.state DESC, holder.in_flight_since LIMIT ${HOLDERS_NAMED})`;
const counted = (which: string, most: string) =>
  `(SELECT count(*)::int FROM (SELECT 1 FROM jobs WHERE ${which} LIMIT ${most}) AS holder)`;
const OF_KEY = `${HOLDERS} AND jobs.concurrency_key = j.concurrency_key`;

/**
 * In: id of a job. Rows: its queue, or none when the queue has no row.
 * Index: jobs_limited_idx, jobs_lane_due_idx, the primary key.
 */
export const WHY_QUEUE = `/* why_queue */
SELECT wanted.paused, wanted.settled, wanted.drain, wanted.keyed, wanted.concurrency,
  wanted.concurrency_per_key AS "concurrencyPerKey", wanted.rate_limit AS "rateLimit", wanted.rate_interval_ms::float8 AS "rateIntervalMs",
  extract(epoch FROM wanted.rate_next_at - clock_timestamp())::float8 * 1000 AS "rateWaitMs",
  ${counted(HOLDERS, 'coalesce(wanted.concurrency, 0)')} AS "inFlight", ${named(HOLDERS)} AS holders,
  ${counted(OF_KEY, 'wanted.concurrency_per_key')} AS "keyInFlight", ${named(OF_KEY)} AS "keyHolders",
  (SELECT json_build_object('id', t.id, 'state', t.state) FROM jobs t
   WHERE wanted.drain = 'leader' AND t.id = wanted.turn_of AND t.queue = wanted.name AND t.finished_at IS NULL) AS turn,
  turns."keyAhead", turns."otherKeys"
FROM jobs j JOIN queues wanted ON wanted.name = j.queue,
  LATERAL (
    SELECT count(*) FILTER (WHERE due.fairness = coalesce(j.fairness_key, '')
        AND (due.priority, due.claimable_at, due.id) < (j.priority, j.claimable_at, j.id))::int AS "keyAhead",
      (count(DISTINCT due.fairness) FILTER (WHERE due.fairness <> coalesce(j.fairness_key, '')))::int AS "otherKeys"
    FROM (SELECT jobs.id, jobs.priority, claimable_at, coalesce(jobs.fairness_key, '') AS fairness FROM jobs
          WHERE jobs.queue = j.queue AND ${KEYED} AND claimable_at <= now() AND j.claimable_at <= now()
          ORDER BY claimable_at LIMIT ${TURNS_SEEN}) AS due
  ) AS turns
WHERE j.id = $1::uuid`;
