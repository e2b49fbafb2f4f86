/**
 * The SQL of schedules, in the manner of job-statements.ts: named, set-based, on Postgres's clock, and every write of a
 * leader fenced by its epoch.
 */

import { CANCELLATION, EVENT_COLUMNS, recordEvents } from './event-statements.js';
import { isRemote } from './job-statements.js';

/** What a schedule's row looks like to the repository. */
export const SCHEDULE_COLUMNS = `id, name, definition, paused, next_due_at AS "nextDueAt",
  waiting_due_at AS "waitingDueAt", fired_count AS "firedCount", version, created_at AS "createdAt",
  updated_at AS "updatedAt"`;

const UNFINISHED = `('blocked', 'scheduled', 'queued', 'running')`;

/** Whether a job of the schedule has not finished. Index: occurrences_open_idx, then the primary key of jobs. */
const hasUnfinishedJob = (scheduleId: string) => `EXISTS (
  SELECT 1 FROM occurrences o JOIN jobs j ON j.id = o.job_id
  WHERE o.schedule_id = ${scheduleId} AND o.job_open AND j.state IN ${UNFINISHED})`;

/**
 * Fire, first half: the schedules that are due, longest overdue first, and those of which something waits that need wait
 * no longer. Their job templates stay in the database: payloads can be large.
 * In: most rows of each kind. Index: schedules_due_idx, schedules_waiting_idx.
 */
export const FIND_DUE_SCHEDULES = `/* find_due_schedules */
WITH due AS (
  (SELECT id FROM schedules WHERE NOT paused AND next_due_at <= now() ORDER BY next_due_at LIMIT $1)
  UNION
  (SELECT id FROM schedules s WHERE NOT paused AND waiting_due_at IS NOT NULL AND NOT ${hasUnfinishedJob('s.id')} LIMIT $1)
)
SELECT s.id, name, version, definition - 'job' AS definition, created_at AS anchor, next_due_at AS "nextDueAt",
  waiting_due_at AS "waitingDueAt", fired_count AS "firedCount",
  definition ->> 'overlap' <> 'allow' AND ${hasUnfinishedJob('s.id')} AS unfinished, now() AS now
FROM due JOIN schedules s ON s.id = due.id`;

/**
 * When the firer must look again. Rows: one; milliseconds until the next due time (negative when it has passed, null
 * when there is none), and whether something waits for a job to finish.
 */
export const NEXT_DUE_TIME = `/* next_due_time */
SELECT
  (SELECT extract(epoch FROM next_due_at - clock_timestamp())::float8 * 1000 FROM schedules
   WHERE NOT paused AND next_due_at IS NOT NULL ORDER BY next_due_at LIMIT 1) AS "nextDueInMs",
  EXISTS (SELECT 1 FROM schedules WHERE NOT paused AND waiting_due_at IS NOT NULL) AS waiting`;

/** The job that a schedule s makes of its template. */
const FROM_TEMPLATE = `
  coalesce(s.definition #>> '{job,name}', s.name), s.definition #>> '{job,type}', s.definition #>> '{job,queue}', 'scheduled',
  (s.definition #>> '{job,priority}')::smallint, (s.definition #>> '{job,maxAttempts}')::int,
  (s.definition #>> '{job,timeoutMs}')::bigint, nullif(s.definition #> '{job,retry}', 'null'),
  s.definition #> '{job,payload}', s.definition #>> '{job,onLost}',
  s.definition #>> '{job,concurrencyKey}', s.definition #>> '{job,fairnessKey}', ${isRemote("s.definition #>> '{job,type}'")}`;
/** Null unless the template has tags. */
const TAGS_FROM_TEMPLATE = `(SELECT array_agg(tag) FROM jsonb_array_elements_text(s.definition #> '{job,tags}') AS tag)`;
/** When a job that is due at `runAt` expires; null unless the template says so. */
const expiryFromTemplate = (runAt: string) =>
  `${runAt} + (s.definition #>> '{job,expiresInMs}')::float8 * interval '1 millisecond'`;
const TEMPLATE_COLUMNS = `name, type, queue, state, priority, max_attempts, timeout_ms, retry, payload, on_lost,
  concurrency_key, fairness_key, remote`;

/**
 * Fire, second half: three statements in one transaction. (In one statement each step would join with the rows of another
 * step, of which the planner knows nothing, and it joined thousands with thousands in nested loops.)
 *
 * First, holds the schedules that are still as they were when their firing was planned.
 * In: election, epoch; id, next due time and version of each schedule.
 * Guard: the epoch stands; the schedule is not paused, and neither moved on nor changed. Rows: ids.
 */
export const HOLD_SCHEDULES = `/* hold_schedules */
WITH standing AS MATERIALIZED (
  SELECT 1 FROM leader_epochs WHERE election = $1 AND epoch = $2 FOR SHARE
)
SELECT s.id FROM standing, unnest($3::uuid[], $4::timestamptz[], $5::int[]) AS p(id, next_due_at, version)
JOIN schedules s ON s.id = p.id
WHERE s.version = p.version AND s.next_due_at IS NOT DISTINCT FROM p.next_due_at AND NOT s.paused
FOR UPDATE OF s`;

/**
 * Second, enters due times in the ledger and makes the jobs of exactly those that were not there yet.
 * In: schedule, due time, outcome, reason, job id (null when skipped) and when that job is due, of each. (One that is due
 * already is due now, like any other submission: the feeder, which goes on where it was, then need not look back for it.)
 * Rows: the schedule of each job made.
 */
export const ENTER_OCCURRENCES = `/* enter_occurrences */
WITH entered AS (
  INSERT INTO occurrences (schedule_id, due_at, outcome, reason, lateness_ms, run_at, job_id, job_open)
  SELECT schedule_id, due_at, outcome, reason, greatest(0, extract(epoch FROM now() - due_at) * 1000)::bigint,
    CASE WHEN job_id IS NOT NULL THEN greatest(run_at, now()) END, job_id, job_id IS NOT NULL
  FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::uuid[], $6::timestamptz[])
    AS o(schedule_id, due_at, outcome, reason, job_id, run_at)
  ON CONFLICT (schedule_id, due_at) DO NOTHING
  RETURNING schedule_id, run_at, job_id
),
made AS (
  INSERT INTO jobs (id, run_at, expires_at, tags, ${TEMPLATE_COLUMNS})
  SELECT job_id, run_at, ${expiryFromTemplate('run_at')}, ${TAGS_FROM_TEMPLATE}, ${FROM_TEMPLATE} FROM entered JOIN schedules s ON s.id = schedule_id WHERE job_id IS NOT NULL
  RETURNING ${EVENT_COLUMNS}
),
${recordEvents('made')}
SELECT schedule_id AS id FROM entered WHERE job_id IS NOT NULL`;

/**
 * Third, moves the schedules on, cancels the jobs that new ones replace, and closes the books on those that have finished.
 * In: id, next due time, waiting due time and number of jobs made, of each schedule; the jobs made, which are not to be
 * cancelled; the schedules whose unfinished jobs are; the schedules that care whether their jobs have finished.
 * Rows: the running jobs that must be told to end.
 */
export const MOVE_SCHEDULES = `/* move_schedules */
WITH moved AS (
  UPDATE schedules s SET next_due_at = p.next_due_at, waiting_due_at = p.waiting_due_at, fired_count = fired_count + p.fired
  FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::int[]) AS p(id, next_due_at, waiting_due_at, fired)
  WHERE s.id = p.id
),
cancelled AS (
  UPDATE jobs SET
    state = CASE WHEN state = 'running' THEN 'running' ELSE 'cancelled' END,
    finished_at = CASE WHEN state = 'running' THEN NULL ELSE now() END,
    cancel_requested_at = coalesce(cancel_requested_at, now())
  FROM occurrences o
  WHERE o.schedule_id = ANY ($6::uuid[]) AND o.job_open AND jobs.id = o.job_id AND jobs.id <> ALL ($5::uuid[])
    AND jobs.state IN ${UNFINISHED}
  RETURNING ${EVENT_COLUMNS}
),
${recordEvents('cancelled', CANCELLATION)},
closed AS (
  UPDATE occurrences o SET job_open = false
  WHERE o.schedule_id = ANY ($7::uuid[]) AND o.job_open
    AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = o.job_id AND j.state IN ${UNFINISHED})
)
SELECT id FROM cancelled WHERE state = 'running'`;

/**
 * Stores a schedule unless its name is taken. In: id, name, definition, next due time, time of creation: intervals count
 * from it, so it must be the one that the next due time was computed with. Rows: it, or none.
 */
export const INSERT_SCHEDULE = `/* insert_schedule */
INSERT INTO schedules (id, name, definition, next_due_at, created_at, updated_at)
VALUES ($1::uuid, $2, $3::jsonb, $4::timestamptz, $5::timestamptz, $5::timestamptz)
ON CONFLICT (name) DO NOTHING
RETURNING ${SCHEDULE_COLUMNS}`;

/**
 * Changes a schedule. In: name, the version that was looked at, definition, whether its times changed, and if so the next
 * one. Guard: the version. Rows: it, or none.
 */
export const UPDATE_SCHEDULE = `/* update_schedule */
UPDATE schedules SET definition = $3::jsonb, version = version + 1, updated_at = now(),
  next_due_at = CASE WHEN $4::bool THEN $5::timestamptz ELSE next_due_at END
WHERE name = $1 AND version = $2
RETURNING ${SCHEDULE_COLUMNS}`;

/**
 * Marks the finished jobs of one schedule as finished. The firer does so too, but only where overlap matters to it.
 * In: name.
 */
export const CLOSE_FINISHED = `/* close_finished */
UPDATE occurrences o SET job_open = false FROM schedules s
WHERE s.name = $1 AND o.schedule_id = s.id AND o.job_open
  AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = o.job_id AND j.state IN ${UNFINISHED})`;

/** Pauses or resumes. In: name, paused. Rows: the schedule, or none when there is no such one. */
export const SET_PAUSED = `/* set_paused */
UPDATE schedules SET
  version = version + CASE WHEN paused = $2 THEN 0 ELSE 1 END,
  updated_at = CASE WHEN paused = $2 THEN updated_at ELSE now() END,
  paused = $2
WHERE name = $1
RETURNING ${SCHEDULE_COLUMNS}`;

/** Makes a job of the schedule now, whatever its clock, pause and overlap say. In: name, job id. Rows: the due time. */
export const RUN_SCHEDULE = `/* run_schedule */
WITH entered AS (
  INSERT INTO occurrences (schedule_id, due_at, outcome, reason, lateness_ms, run_at, job_id, job_open)
  SELECT id, now(), 'fired', 'manual', 0, now(), $2::uuid, true FROM schedules WHERE name = $1 FOR SHARE
  ON CONFLICT (schedule_id, due_at) DO NOTHING
  RETURNING schedule_id, due_at
),
made AS (
  INSERT INTO jobs (id, run_at, expires_at, tags, ${TEMPLATE_COLUMNS})
  SELECT $2::uuid, due_at, ${expiryFromTemplate('due_at')}, ${TAGS_FROM_TEMPLATE}, ${FROM_TEMPLATE} FROM entered JOIN schedules s ON s.id = schedule_id
  RETURNING ${EVENT_COLUMNS}
),
${recordEvents('made')}
SELECT due_at AS "dueAt" FROM entered`;

export const GET_SCHEDULE = `/* get_schedule */
SELECT ${SCHEDULE_COLUMNS} FROM schedules WHERE name = $1`;

/** Newest first, from before a given id. */
export const LIST_SCHEDULES = `/* list_schedules */
SELECT ${SCHEDULE_COLUMNS} FROM schedules WHERE ($1::uuid IS NULL OR id < $1::uuid)
  AND ($3::text[] IS NULL OR definition #>> '{job,queue}' LIKE ANY ($3::text[]))
ORDER BY id DESC LIMIT $2`;

/** Guard: the version, unless it is null. Rows: what was deleted. */
export const DELETE_SCHEDULE = `/* delete_schedule */
DELETE FROM schedules WHERE name = $1 AND ($2::int IS NULL OR version = $2) RETURNING ${SCHEDULE_COLUMNS}`;

/**
 * Latest first. In: schedule's id; before which due time, and with which outcome, or null; most rows. A due time is all the
 * position that a page needs: the ledger's key lets a schedule have one row of it, kept to the millisecond, as it is told.
 */
export const LIST_OCCURRENCES = `/* list_occurrences */
SELECT due_at AS "dueAt", outcome, reason, lateness_ms::float8 AS "latenessMs", run_at AS "runAt", job_id AS "jobId", recorded_at AS "recordedAt"
FROM occurrences
WHERE schedule_id = $1::uuid AND ($2::timestamptz IS NULL OR due_at < $2::timestamptz) AND ($3::text IS NULL OR outcome = $3)
ORDER BY due_at DESC LIMIT $4`;
