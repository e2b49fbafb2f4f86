/**
 * T1 for queues with the drain policy `leader`: strict order. Exactly one job of such a queue is in flight, and the one whose
 * turn it is keeps it until it has ended: while it waits for a retry, while it is put off by its handler, and while it is
 * held for a person, nobody overtakes it.
 */
import { EVENT_COLUMNS, recordEvents } from './event-statements.js';
import { EACH_PRIORITY, isIn, NOT_EXPIRED, UNKEYED, WITHOUT_FSYNC } from './job-statements.js';
import { KEYED } from './limited-claim-statement.js';

/** The first job of a queue in the order (priority, due time, id); keys are for shared queues and mean nothing here. */
const FIRST_IN_ORDER = `
  SELECT first.id FROM (
    (SELECT one.* FROM ${EACH_PRIORITY}, LATERAL (
       SELECT jobs.id, jobs.priority, claimable_at FROM jobs
       WHERE jobs.queue = seen.name AND jobs.priority = p.priority AND claimable_at <= now() AND ${UNKEYED} AND ${NOT_EXPIRED}
       ORDER BY claimable_at, jobs.id LIMIT 1) AS one
     LIMIT 1)
    UNION ALL
    (SELECT jobs.id, jobs.priority, claimable_at FROM jobs
     WHERE seen.keyed AND jobs.queue = seen.name AND ${KEYED} AND claimable_at <= now() AND ${NOT_EXPIRED}
     ORDER BY jobs.priority, claimable_at, jobs.id LIMIT 1)
  ) AS first ORDER BY first.priority, first.claimable_at, first.id LIMIT 1`;

/** When the next job of a queue without a turn is due. */
const NEXT_DUE_AT = `(
  SELECT min(soon.at) FROM (
    (SELECT first.at FROM ${EACH_PRIORITY}, LATERAL (
       SELECT claimable_at AS at FROM jobs
       WHERE jobs.queue = seen.name AND jobs.priority = p.priority AND ${UNKEYED} AND claimable_at > now()
       ORDER BY claimable_at, jobs.id LIMIT 1) AS first)
    UNION ALL
    (SELECT claimable_at FROM jobs WHERE seen.keyed AND jobs.queue = seen.name AND ${KEYED} AND claimable_at > now()
     ORDER BY claimable_at LIMIT 1)
  ) AS soon)`;

/**
 * In: election, epoch; names of queues.
 * Guard: the epoch stands (share-locked); the queue's row, locked, is in strict order, neither paused nor unsettled, and no
 * other claim has been made since this statement began to see; nothing of it is in flight; state scheduled, not expired.
 * Rows: one for each queue that could be looked at, with the claimed job or nulls.
 * Index: jobs_limited_idx, jobs_claim_idx, jobs_lane_due_idx, the primary key.
 */
export const CLAIM_IN_ORDER = `/* claim_in_order */
WITH ${WITHOUT_FSYNC},
standing AS MATERIALIZED (
  SELECT 1 FROM leader_epochs, nosync WHERE election = $1 AND epoch = $2 FOR SHARE OF leader_epochs
),
held AS MATERIALIZED (
  SELECT queues.name, queues.keyed, queues.claims, queues.turn_of
  FROM standing, unnest($3::text[]) AS asked(queue) JOIN queues ON queues.name = asked.queue
  WHERE drain = 'leader' AND settled AND NOT paused
  FOR UPDATE OF queues SKIP LOCKED
),
seen AS MATERIALIZED (
  SELECT held.name, held.keyed, snapshot.claims <> held.claims AS stale, turn.id AS turn_id, turn.claimable_at AS turn_at,
    EXISTS (SELECT 1 FROM jobs WHERE jobs.queue = held.name AND jobs.limited AND jobs.in_flight_since IS NOT NULL) AS busy
  FROM held
    JOIN LATERAL (SELECT queues.claims FROM queues WHERE queues.name = held.name) AS snapshot ON true
    LEFT JOIN LATERAL (
      SELECT jobs.id, jobs.claimable_at FROM jobs
      WHERE jobs.id = held.turn_of AND jobs.queue = held.name AND jobs.finished_at IS NULL) AS turn ON true
),
next AS MATERIALIZED (
  SELECT seen.name, job.id FROM seen, LATERAL (
    (SELECT jobs.id FROM jobs WHERE jobs.id = seen.turn_id AND claimable_at <= now() AND ${NOT_EXPIRED})
    UNION ALL
    (SELECT id FROM (${FIRST_IN_ORDER}) AS first WHERE seen.turn_id IS NULL)
  ) AS job
  WHERE NOT seen.stale AND NOT seen.busy
),
taken AS MATERIALIZED (
  SELECT jobs.id, next.name FROM next JOIN jobs ON jobs.id = next.id WHERE ${isIn('scheduled')} FOR UPDATE OF jobs SKIP LOCKED
),
claimed AS (
  UPDATE jobs SET state = 'queued', delivery = delivery + 1, queued_at = now(), limited = true
  FROM taken WHERE jobs.id = taken.id AND ${isIn('scheduled')}
  RETURNING ${EVENT_COLUMNS}, jobs.priority, jobs.run_at
),
${recordEvents('claimed')},
moved AS (
  UPDATE queues SET claims = queues.claims + 1, turn_of = claimed.id FROM claimed WHERE queues.name = claimed.queue
)
SELECT seen.name AS queue, seen.stale, seen.busy OR claimed.id IS NOT NULL AS busy,
  CASE WHEN NOT seen.busy AND claimed.id IS NULL
    THEN extract(epoch FROM CASE WHEN seen.turn_id IS NULL THEN ${NEXT_DUE_AT} ELSE seen.turn_at END - clock_timestamp())::float8 * 1000
  END AS "dueInMs",
  claimed.id, claimed.delivery, claimed.type, claimed.priority, extract(epoch FROM claimed.run_at)::float8 * 1000 AS "runAtMs"
FROM seen LEFT JOIN claimed ON claimed.queue = seen.name`;
