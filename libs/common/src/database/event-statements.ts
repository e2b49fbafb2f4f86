/**
 * The SQL of events. Each statement that changes jobs records what it did, in itself, but only while somebody listens:
 * whether that is so is looked up once in a statement, in a table of one row, and costs its jobs nothing.
 * domain/event-position.ts says how readers find their way through what many transactions write at once.
 */

import { HINT_CHANNEL } from './hint-channel.js';

/**
 * How long events go on being recorded after the last sign of a listener, in milliseconds: for one that comes back.
 */
export const WANTED_MS = 300_000;

/** A stretch of recording that would end within this time may have ended for somebody: it is not prolonged, in milliseconds. */
const MARGIN_MS = 60_000;

/** True while events are wanted; looked up once, and then readers are woken, if they wish to be. */
const WANTED = `(SELECT CASE WHEN hinting THEN pg_notify('${HINT_CHANNEL}', 'events')::text IS NOT NULL ELSE true END
  FROM event_demand WHERE one_row AND until > now())`;

/**
 * A CTE that records what a statement did to jobs. Every statement that changes a state, or deletes, has one.
 * @param changed the CTE that did it, which returns EVENT_COLUMNS as they are now
 * @param change SQL of the change (JobChange)
 * @param only SQL of which of the rows are told
 */
export const recordEvents = (changed: string, { change = `'state'`, only = 'true' } = {}) => `
${changed}_event AS (
  INSERT INTO job_events (xid, job_id, type, queue, workflow_id, change, state, attempt, delivery)
  SELECT (SELECT pg_current_xact_id()::text::bigint), id, type, queue, workflow_id, ${change}, state, attempt, delivery
  FROM ${changed} WHERE ${only} AND ${WANTED}
)`;

/** What recordEvents needs to be returned. */
export const EVENT_COLUMNS = `jobs.id, jobs.type, jobs.queue, jobs.workflow_id, jobs.state, jobs.attempt, jobs.delivery`;

/** The change of a statement that cancels: a running job is only asked to end. */
export const CANCELLATION = {
  change: `CASE WHEN state = 'running' THEN 'cancel-requested' ELSE 'state' END`,
};

/**
 * Says that events are wanted, and begins to record unless that is so already.
 * Rows: one; the generation, the transaction that began it, and whether nothing has been missing since.
 */
const lapsed = `event_demand.until < now() + ${MARGIN_MS} * interval '1 millisecond'`;
export const WANT_EVENTS = `/* want_events */
INSERT INTO event_demand (generation, opened, until)
VALUES ((extract(epoch FROM clock_timestamp()) * 1000)::bigint, pg_current_xact_id()::text::bigint,
        now() + ${WANTED_MS} * interval '1 millisecond')
ON CONFLICT (one_row) DO UPDATE SET
  until = excluded.until,
  generation = CASE WHEN ${lapsed} THEN greatest(excluded.generation, event_demand.generation + 1) ELSE event_demand.generation END,
  opened = CASE WHEN ${lapsed} THEN excluded.opened ELSE event_demand.opened END,
  complete = event_demand.complete AND NOT ${lapsed},
  hinting = event_demand.hinting OR ${lapsed}
RETURNING generation::float8 AS generation, opened::float8 AS opened, complete`;

/**
 * Whether a statement of ours runs that may not have seen that events are wanted, or a transaction that may hold one.
 * In: the transaction that said so.
 */
export const FIND_UNAWARE_STATEMENTS = `/* find_unaware_statements */
SELECT EXISTS (
  SELECT 1 FROM pg_stat_activity, (SELECT ($1::bigint % 4294967296)::text::xid AS xid) AS opened
  WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND (application_name LIKE 'triumvir%' OR application_name = current_setting('application_name'))
    AND (age(backend_xmin) >= age(opened.xid) OR age(backend_xid) > age(opened.xid))) AS found`;

/** From here on nothing is missing. In: generation and the transaction that began it. */
export const COMPLETE_RECORDING = `/* complete_recording */
UPDATE event_demand SET complete = true WHERE generation = $1::bigint AND opened = $2::bigint`;

/** Whether writers wake readers. In: that. */
export const SET_HINTING = `/* set_hinting */
UPDATE event_demand SET hinting = $1::bool WHERE hinting <> $1::bool`;

/**
 * Events that could not be seen at one moment and can be at another, by seq.
 * In: the first moment; the second one, or null for this very moment; a seq after which to begin; most events.
 * Rows: one; this moment, the recording if there is any, and the events. Index: the primary key.
 */
export const READ_EVENTS = `/* read_events */
WITH moment AS MATERIALIZED (SELECT pg_current_snapshot() AS seen),
page AS MATERIALIZED (
  SELECT * FROM (
    SELECT * FROM job_events WHERE xid >= $1::bigint AND xid < coalesce($3::bigint, ${Number.MAX_SAFE_INTEGER})
    UNION ALL
    SELECT * FROM job_events WHERE xid = ANY ($2::bigint[])
  ) AS fresh
  WHERE xid <> ALL ($4::bigint[]) AND seq > $5::bigint
  ORDER BY seq LIMIT $6
)
SELECT pg_snapshot_xmax(seen)::text::float8 AS next,
  ARRAY(SELECT under_way::text::float8 FROM pg_snapshot_xip(seen) AS under_way) AS "underWay",
  generation::float8 AS generation, complete, hinting, pruned_below::float8 AS "prunedBelow",
  (SELECT coalesce(json_agg(json_build_object(
     'seq', seq, 'xid', xid, 'jobId', job_id, 'type', type, 'queue', queue, 'workflowId', workflow_id,
     'change', change, 'state', state, 'attempt', attempt,
     'delivery', delivery, 'at', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) ORDER BY seq), '[]')
   FROM page) AS events
FROM moment LEFT JOIN event_demand ON one_row`;

/**
 * Deletes the oldest events, and notes how far. In: election, epoch; how long events are kept, in milliseconds; most rows.
 * Guard: the epoch stands. Index: the primary key.
 */
export const PRUNE_EVENTS = `/* prune_events */
WITH standing AS MATERIALIZED (
  SELECT 1 FROM leader_epochs WHERE election = $1 AND epoch = $2 FOR SHARE
),
gone AS (
  DELETE FROM job_events USING standing, (SELECT xid, seq, at FROM job_events ORDER BY xid, seq LIMIT $4) AS oldest
  WHERE job_events.xid = oldest.xid AND job_events.seq = oldest.seq
    AND oldest.at < now() - $3::float8 * interval '1 millisecond'
  RETURNING job_events.xid
),
noted AS (
  UPDATE event_demand SET pruned_below = greatest(pruned_below, (SELECT max(xid) + 1 FROM gone))
  WHERE EXISTS (SELECT 1 FROM gone)
)
SELECT count(*)::int AS deleted FROM gone`;
