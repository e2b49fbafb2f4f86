/**
 * T1 for queues with limits or with jobs that have keys. It counts, decides and claims in one statement, so that a limit
 * holds however many leaders there were: what a claim adds is either counted by the next one, or makes it give way.
 *
 * A lane is a pair of keys: jobs of one queue with the same fairness key and the same concurrency key. Jobs without keys are
 * one lane more, which is read as CLAIM_DUE reads it. Of each lane no more is read than may be taken, so a deep backlog that
 * is blocked costs nothing; lanes are found by jumping from one to the next in their index.
 */
import { EVENT_COLUMNS, recordEvents } from './event-statements.js';
import {
  AFTER_POSITION,
  EACH_PRIORITY,
  isIn,
  LAST_CLAIMED,
  NOT_EXPIRED,
  UNKEYED,
  WITHOUT_FSYNC,
} from './job-statements.js';
import { HOLDERS, measureRoom, SPEND } from './queue-room.js';

/**
 * Fairness keys, and lanes of all of them, that are looked at in one claim; the next one goes on behind them. A claim that may
 * take few looks at few of both, unless the one before it found nothing.
 */
const FAIRNESS_KEYS = 32;
const LANES = 256;
/** However many fairness keys there are, so many lanes of each are looked at. */
const MIN_LANES = 8;
/** Most jobs read of one lane. */
const LANE_JOBS = 100;

export const KEYED = `jobs.claimable_at IS NOT NULL AND (jobs.fairness_key IS NOT NULL OR jobs.concurrency_key IS NOT NULL)`;
const FAIRNESS = `coalesce(jobs.fairness_key, '')`;
const CONCURRENCY = `coalesce(jobs.concurrency_key, '')`;

/**
 * The distinct values of an index column, from behind `after` to the end and on from the beginning up to `after`. Each step
 * is one look into jobs_lane_idx.
 * @param value the column; @param within what stands before it in the index; @param most how many
 */
const ROUND = (value: string, within: string, after: string, most: string) => `
  WITH RECURSIVE hop(value, wrapped, nth) AS (
    SELECT ${after}, false, 0
    UNION ALL
    SELECT next.value, next.wrapped, hop.nth + 1
    FROM hop, LATERAL (
      (SELECT ${value} AS value, hop.wrapped FROM jobs
       WHERE ${within} AND ${KEYED} AND ${value} > hop.value ORDER BY ${value} LIMIT 1)
      UNION ALL
      (SELECT ${value}, true FROM jobs WHERE NOT hop.wrapped AND ${within} AND ${KEYED} ORDER BY ${value} LIMIT 1)
      LIMIT 1
    ) AS next
    WHERE hop.nth < ${most} AND (NOT next.wrapped OR next.value <= ${after})
  )
  SELECT value, nth, count(*) OVER () AS many FROM hop WHERE nth > 0`;

/**
 * In: election, epoch; for each queue how many are wanted, and where to begin among jobs without keys ($3 to $6, as for
 * CLAIM_DUE); behind which fairness key and which concurrency key the round of lanes begins, and whether to look at many.
 * Guard: the epoch stands (share-locked); the queue's row, locked, is neither paused nor unsettled, and no other claim has
 * been made since this statement began to see; state scheduled.
 * Rows: for each queue that could be looked at, at least one: what its limits leave, and a claimed job or nulls.
 * Index: jobs_claim_idx, jobs_lane_idx, jobs_lane_due_idx, jobs_limited_idx.
 *
 * The order: jobs of one fairness key by priority, due time and id; the first of each key before the second of any, keys in
 * the order of the round. The rate is a GCRA whose theoretical arrival time is queues.rate_next_at.
 */
export const CLAIM_LIMITED = `/* claim_limited */
WITH ${WITHOUT_FSYNC},
standing AS MATERIALIZED (
  SELECT 1 FROM leader_epochs, nosync WHERE election = $1 AND epoch = $2 FOR SHARE OF leader_epochs
),
held AS MATERIALIZED (
  SELECT queues.name, concurrency, concurrency_per_key, rate_limit, rate_interval_ms, rate_next_at, keyed, claims,
         asked.room, asked.fairness_after, asked.key_after, asked.many, asked.nth
  FROM standing,
       unnest($3::text[], $4::int[], $7::text[], $8::text[], $9::bool[]) WITH ORDINALITY
         AS asked(queue, room, fairness_after, key_after, many, nth)
       JOIN queues ON queues.name = asked.queue
  WHERE settled AND NOT paused AND drain = 'shared'
  FOR UPDATE OF queues SKIP LOCKED
),
${measureRoom('rate.most_unstarted - holders.unstarted')},
lanes AS MATERIALIZED (
  SELECT wanted.nth AS queue_nth, fairness.value AS fairness, fairness.nth AS fairness_nth, lane.value AS key,
         fairness.nth = most.keys AS fairness_cut, lane.nth = lanes_each.most AS cut,
         CASE WHEN lane.value <> '' THEN greatest(0, wanted.concurrency_per_key -
           (SELECT count(*) FROM jobs WHERE ${HOLDERS} AND jobs.concurrency_key = lane.value)) END AS room
  FROM wanted,
       LATERAL (SELECT CASE WHEN wanted.many THEN ${LANES} ELSE 2 * wanted.allowed + 2 END AS lanes) AS enough,
       LATERAL (SELECT least(${FAIRNESS_KEYS}, enough.lanes) AS keys) AS most,
       LATERAL (${ROUND(FAIRNESS, 'jobs.queue = wanted.name', 'wanted.fairness_after', 'most.keys')}) AS fairness,
       LATERAL (SELECT least(enough.lanes, greatest(${MIN_LANES}, ${LANES} / fairness.many)) AS most) AS lanes_each,
       LATERAL (${ROUND(CONCURRENCY, `jobs.queue = wanted.name AND ${FAIRNESS} = fairness.value`, 'wanted.key_after', 'lanes_each.most')}) AS lane
  WHERE wanted.keyed AND wanted.allowed > 0
),
candidates AS MATERIALIZED (
  SELECT wanted.nth AS queue_nth, wanted.allowed, wanted.fairness_after, job.*
  FROM wanted, LATERAL (
    (SELECT one.id, one.priority, one.run_at, '' AS fairness, NULL::text AS key, NULL::bigint AS key_room
     FROM ${EACH_PRIORITY},
          LATERAL ${LAST_CLAIMED},
          LATERAL (
            SELECT jobs.id, jobs.run_at, jobs.priority FROM jobs
            WHERE jobs.queue = wanted.name AND jobs.priority = p.priority AND claimable_at <= now()
              AND ${UNKEYED} AND ${AFTER_POSITION} AND ${NOT_EXPIRED}
            ORDER BY claimable_at, jobs.id LIMIT wanted.allowed
          ) AS one
     LIMIT wanted.allowed)
    UNION ALL
    (SELECT one.id, one.priority, one.run_at, lanes.fairness, nullif(lanes.key, ''), lanes.room
     FROM lanes,
          LATERAL (
            SELECT lane_job.* FROM ${EACH_PRIORITY}, LATERAL (
              SELECT jobs.id, jobs.run_at, jobs.priority FROM jobs
              WHERE jobs.queue = wanted.name AND ${FAIRNESS} = lanes.fairness AND ${CONCURRENCY} = lanes.key
                AND jobs.priority = p.priority AND ${KEYED} AND claimable_at <= now() AND ${NOT_EXPIRED}
              ORDER BY claimable_at, jobs.id LIMIT least(wanted.allowed, lanes.room, ${LANE_JOBS})
            ) AS lane_job
            LIMIT least(wanted.allowed, lanes.room, ${LANE_JOBS})
          ) AS one
     WHERE lanes.queue_nth = wanted.nth)
  ) AS job
  WHERE wanted.allowed > 0
),
in_turn AS (
  SELECT *, row_number() OVER (PARTITION BY queue_nth, fairness ORDER BY priority, run_at, id) AS turn FROM candidates
),
of_keys AS (
  SELECT *, row_number() OVER (PARTITION BY queue_nth, key ORDER BY turn, fairness <= fairness_after, fairness) AS of_key
  FROM in_turn
),
in_order AS (
  SELECT *, row_number() OVER (PARTITION BY queue_nth ORDER BY turn, fairness <= fairness_after, fairness) AS nth
  FROM of_keys WHERE key IS NULL OR of_key <= key_room
),
taken AS MATERIALIZED (
  SELECT jobs.id, in_order.queue_nth, in_order.nth, in_order.fairness, in_order.key
  FROM in_order JOIN jobs ON jobs.id = in_order.id
  WHERE in_order.nth <= in_order.allowed AND ${isIn('scheduled')}
  FOR UPDATE OF jobs SKIP LOCKED
),
claimed AS (
  UPDATE jobs SET state = 'queued', delivery = delivery + 1, queued_at = now(), limited = true
  FROM taken WHERE jobs.id = taken.id AND ${isIn('scheduled')}
  RETURNING ${EVENT_COLUMNS}, jobs.priority, jobs.run_at, taken.queue_nth, taken.nth, taken.fairness, taken.key
),
${recordEvents('claimed')},
tally AS MATERIALIZED (SELECT queue_nth, count(*)::int AS taken FROM claimed GROUP BY queue_nth),
${SPEND}
SELECT wanted.name AS queue, wanted.stale, wanted.allowed,
  (wanted.concurrency - wanted.in_flight - counted.taken)::int AS "concurrencyLeft",
  extract(epoch FROM wanted.base - clock_timestamp())::float8 * 1000 + counted.taken * wanted.step_ms AS "rateWaitMs",
  CASE WHEN counted.taken < wanted.allowed THEN ${nextDueInMs()} END AS "dueInMs",
  (SELECT fairness FROM lanes WHERE lanes.queue_nth = wanted.nth ORDER BY fairness_nth DESC LIMIT 1) AS "lastFairness",
  EXISTS (SELECT 1 FROM lanes WHERE lanes.queue_nth = wanted.nth AND fairness_cut) AS "fairnessCut",
  (SELECT lanes.key FROM lanes WHERE lanes.queue_nth = wanted.nth AND cut ORDER BY random() LIMIT 1) AS "cutAtKey",
  claimed.id, claimed.delivery, claimed.type, claimed.priority, claimed.fairness,
  claimed.fairness = '' AND claimed.key IS NULL AS unkeyed,
  extract(epoch FROM claimed.run_at)::float8 * 1000 AS "runAtMs"
FROM wanted
  LEFT JOIN claimed ON claimed.queue_nth = wanted.nth,
  LATERAL (SELECT coalesce((SELECT tally.taken FROM tally WHERE tally.queue_nth = wanted.nth), 0) AS taken) AS counted
ORDER BY wanted.nth, claimed.nth`;

/** Of jobs that are not due yet; those that are due and were not taken have had their chance. */
function nextDueInMs(): string {
  return `(
    SELECT extract(epoch FROM min(soon.at) - clock_timestamp())::float8 * 1000 FROM (
      (SELECT first.claimable_at AS at FROM ${EACH_PRIORITY}, LATERAL (
         SELECT claimable_at FROM jobs
         WHERE jobs.queue = wanted.name AND jobs.priority = p.priority AND ${UNKEYED} AND claimable_at > now()
         ORDER BY claimable_at, jobs.id LIMIT 1) AS first)
      UNION ALL
      (SELECT claimable_at FROM jobs WHERE wanted.keyed AND jobs.queue = wanted.name AND ${KEYED} AND claimable_at > now()
       ORDER BY claimable_at LIMIT 1)
    ) AS soon)`;
}
