/**
 * What the limits of a queue leave. Claims for executors and leases of workers outside measure and spend it in the same words,
 * so that neither oversteps what both have to share.
 */

/**
 * How late a claim may come without loss for the rate, in milliseconds: what it is late by is made up for at once. The step
 * between two jobs is longer by its share of this, so that no interval sees more than the limit all the same.
 */
const RATE_TOLERANCE_MS = 20;
/** What a rate limit lets go in this time may wait for its start, so that busy executors do not turn a rate into bursts. */
const RATE_AHEAD_MS = 100;

/** SQL of whether a queue has limits or jobs with keys. */
export const IS_LIMITED = `(queues.keyed OR queues.concurrency IS NOT NULL OR queues.rate_limit IS NOT NULL)`;

/** The jobs that count against the limits of a queue. Index: jobs_limited_idx. */
export const HOLDERS = `jobs.queue = wanted.name AND jobs.limited AND jobs.in_flight_since IS NOT NULL`;

/**
 * A CTE "wanted" that measures the queues of a CTE "held": their settings and claims from rows that are locked, an nth, and
 * a room, which is how many are asked for. When somebody has claimed since the statement began to see, it sees too few
 * holders: that queue is stale, and nothing is allowed.
 * @param furtherBound SQL of one more bound of what is allowed
 */
export const measureRoom = (furtherBound = 'NULL') => `wanted AS MATERIALIZED (
  SELECT wanted.*, seen.claims <> wanted.claims AS stale, holders.in_flight, rate.base, rate.step_ms,
    CASE WHEN seen.claims = wanted.claims THEN greatest(0, least(room, concurrency - holders.in_flight,
      floor(extract(epoch FROM now() - rate.base) * 1000 / rate.step_ms) + 1, ${furtherBound})) ELSE 0 END::int
      AS allowed
  FROM held AS wanted,
       LATERAL (SELECT queues.claims FROM queues WHERE queues.name = wanted.name) AS seen,
       LATERAL (SELECT count(*) AS in_flight, count(*) FILTER (WHERE jobs.state = 'queued') AS unstarted FROM jobs
                WHERE ${HOLDERS} AND (wanted.concurrency IS NOT NULL OR wanted.rate_limit IS NOT NULL)) AS holders,
       -- All null without a rate limit.
       LATERAL (SELECT
         CASE WHEN wanted.rate_limit IS NOT NULL
           THEN greatest(wanted.rate_next_at, now() - interval '${RATE_TOLERANCE_MS} milliseconds') END AS base,
         (wanted.rate_interval_ms + ${RATE_TOLERANCE_MS}) / wanted.rate_limit::float8 AS step_ms,
         CASE WHEN wanted.rate_limit IS NOT NULL
           THEN greatest(1, ceil(wanted.rate_limit * ${RATE_AHEAD_MS}::float8 / wanted.rate_interval_ms)) END AS most_unstarted) AS rate
)`;

/** A CTE that notes what was taken, from a CTE "tally" (queue_nth, taken) with a row for each queue of which something was. */
export const SPEND = `moved AS (
  UPDATE queues SET claims = queues.claims + 1, rate_next_at = wanted.base + tally.taken * wanted.step_ms * interval '1 millisecond'
  FROM tally JOIN wanted ON wanted.nth = tally.queue_nth WHERE queues.name = wanted.name
)`;
