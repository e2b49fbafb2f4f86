/** The SQL of workflows, in the manner of job-statements.ts. How ends reach those that wait is in dependency-statements.ts. */
import { AWAITED_AGAIN, settledIf, tellChildren, TOLD_STATES } from './dependency-statements.js';
import { CANCELLATION, EVENT_COLUMNS, recordEvents } from './event-statements.js';
import { newJobsTable, storeNewJobs } from './job-statements.js';

/** How many jobs are in which state, blocked ones that wait for a person counted as held; and when the last one ended. */
const countsOf = (workflowId: string) => `(
  SELECT coalesce(jsonb_object_agg(state, count), '{}') AS counts, max(last_end) AS last_end
  FROM (
    SELECT CASE WHEN state = 'blocked' AND error IS NOT NULL THEN 'held' ELSE state END AS state,
      count(*) AS count, max(finished_at) AS last_end
    FROM jobs WHERE workflow_id = ${workflowId} GROUP BY 1) AS by_state)`;

/** While a workflow w is open its counts are taken from its jobs; later they are what was written down. */
const WORKFLOW_COLUMNS = `w.id, w.name, w.job_count AS "jobCount", w.version, w.created_at AS "createdAt",
  w.cancel_requested_at AS "cancelRequestedAt", coalesce(w.finished_at, live.last_end) AS "lastEnd",
  coalesce(w.counts, live.counts) AS counts`;
const LIVE = `LEFT JOIN LATERAL ${countsOf('w.id')} AS live ON w.finished_at IS NULL`;

/** Undoes the closing of a workflow, and the cancelling of it. In the SET of an UPDATE of workflows. */
export const REOPEN_WORKFLOW = `finished_at = NULL, counts = NULL, cancel_requested_at = NULL, version = version + 1`;

/**
 * Stores a workflow with its jobs and dependencies, unless its Idempotency-Key has been used.
 * In: the columns of its jobs; how many others each depends on (null: none) and whether others depend on it (null: none);
 * parent, child and policy of each dependency; id and name of the workflow; its key and request hash, or null.
 * Rows: id of the workflow, or none when the key was known.
 */
export const INSERT_WORKFLOW = `/* insert_workflow */
WITH fresh_key AS (
  INSERT INTO idempotency_keys (key, request_hash, job_id)
  SELECT $27::text, $28::text, $25::uuid WHERE $27::text IS NOT NULL
  ON CONFLICT (key) DO NOTHING
  RETURNING job_id
),
made AS MATERIALIZED (
  SELECT $25::uuid AS id WHERE $27::text IS NULL UNION ALL SELECT job_id FROM fresh_key
),
stored_jobs AS (
  ${storeNewJobs(`CASE WHEN n.waits_for IS NULL THEN 'scheduled' ELSE 'blocked' END`, {
    columns: ', workflow_id, waits_for, awaited',
    values: ', made.id, n.waits_for, n.awaited',
  })}
  FROM made, ${newJobsTable({ arrays: ', $20::int[], $21::bool[]', names: ', waits_for, awaited' })}
  RETURNING ${EVENT_COLUMNS}
),
${recordEvents('stored_jobs')},
stored_dependencies AS (
  INSERT INTO job_dependencies (parent_id, child_id, on_failure)
  SELECT parent_id, child_id, on_failure FROM made, unnest($22::uuid[], $23::uuid[], $24::text[]) AS e(parent_id, child_id, on_failure)
)
INSERT INTO workflows (id, name, job_count) SELECT made.id, $26::text, cardinality($1::uuid[]) FROM made
RETURNING id`;

/** Whether a workflow has jobs in queues that none of the operands of LIKE fits. Index: jobs_workflow_idx. */
export const HAS_OTHER_QUEUES = (workflowId: string, patterns: string) =>
  `EXISTS (SELECT 1 FROM jobs WHERE workflow_id = ${workflowId} AND NOT queue LIKE ANY (${patterns}::text[]))`;

export const GET_WORKFLOW = `/* get_workflow */
SELECT ${WORKFLOW_COLUMNS} FROM workflows w ${LIVE} WHERE w.id = $1::uuid`;

/**
 * Newest first, from before a given id. In: id or null; only those that are over (true) or not (false), or null; most rows;
 * operands of LIKE, one of which each of its jobs' queues must fit, or null.
 */
export const LIST_WORKFLOWS = `/* list_workflows */
SELECT ${WORKFLOW_COLUMNS} FROM (
  SELECT * FROM workflows
  WHERE ($1::uuid IS NULL OR id < $1::uuid) AND ($2::bool IS NULL OR (finished_at IS NOT NULL) = $2::bool)
    AND ($4::text[] IS NULL OR NOT ${HAS_OTHER_QUEUES('workflows.id', '$4')})
  ORDER BY id DESC LIMIT $3) AS w ${LIVE}
ORDER BY w.id DESC`;

/** What some jobs depend on. In: ids. Rows: child, parent and policy of each edge. Index: job_dependencies_child_id_idx. */
export const LIST_DEPENDENCIES = `/* list_dependencies */
SELECT child_id AS "childId", parent_id AS "parentId", on_failure AS "onDependencyFailure"
FROM job_dependencies WHERE child_id = ANY ($1::uuid[]) ORDER BY child_id, parent_id`;

/**
 * What a job depends on, with results, oldest parent first. In: the job's id; how many bytes of results may be told: those
 * of further parents are left out, and marked; operands of LIKE, one of which a parent's queue must fit, or null. A parent
 * that was deleted is not among the rows.
 */
export const LIST_PARENTS = `/* list_parents */
SELECT p.id, p.name, p.state, p."onDependencyFailure",
  CASE WHEN p.bytes <= $2::float8 THEN p.result END AS result, p.bytes > $2::float8 AND p.result IS NOT NULL AS omitted
FROM (
  SELECT jobs.id, name, jobs.state, on_failure AS "onDependencyFailure", result,
    sum(coalesce(octet_length(result::text), 0)) OVER (ORDER BY jobs.id) AS bytes
  FROM job_dependencies JOIN jobs ON jobs.id = parent_id WHERE child_id = $1::uuid
    AND ($3::text[] IS NULL OR queue LIKE ANY ($3::text[]))) AS p
ORDER BY p.id`;

/** Wants a workflow ended. Guard: it has unfinished jobs. Rows: its id, or none. Index: jobs_unfinished_workflow_idx. */
export const REQUEST_WORKFLOW_CANCEL = `/* request_workflow_cancel */
UPDATE workflows SET cancel_requested_at = coalesce(cancel_requested_at, now())
WHERE id = $1::uuid AND finished_at IS NULL AND EXISTS (SELECT 1 FROM jobs WHERE unfinished_workflow = $1::uuid)
RETURNING id`;

/**
 * Ends the unfinished jobs of workflows that are to be cancelled: those that run are asked to end. Rows that somebody else
 * is just changing are left for the next call, so that nobody waits and nobody deadlocks. Those that depend on them need not
 * be told: they are among them.
 * Guard: the workflow's cancellation is asked for. Rows: id and state of each job that was changed.
 */
const CANCEL_JOBS = (standing: string, ofWorkflows: string, limit: string) => `
chosen AS MATERIALIZED (
  SELECT jobs.id FROM ${standing}workflows w JOIN jobs ON unfinished_workflow = w.id
  WHERE ${ofWorkflows} AND w.finished_at IS NULL AND w.cancel_requested_at IS NOT NULL
    AND (jobs.state <> 'running' OR jobs.cancel_requested_at IS NULL)
  LIMIT ${limit} FOR UPDATE OF jobs SKIP LOCKED
),
cancelled AS (
  UPDATE jobs SET
    state = CASE WHEN state = 'running' THEN 'running' ELSE 'cancelled' END,
    finished_at = CASE WHEN state = 'running' THEN NULL ELSE now() END,
    ${settledIf(`state <> 'running'`)},
    cancel_requested_at = now()
  FROM chosen WHERE jobs.id = chosen.id
  RETURNING ${EVENT_COLUMNS}
),
${recordEvents('cancelled', CANCELLATION)}
SELECT id, state FROM cancelled`;

/** In: the workflow; most jobs. */
export const CANCEL_WORKFLOW_JOBS = `/* cancel_workflow_jobs */
WITH ${CANCEL_JOBS('', 'w.id = $1::uuid', '$2')}`;

const STANDING = `standing AS MATERIALIZED (
  SELECT 1 FROM leader_epochs WHERE election = $1 AND epoch = $2 FOR SHARE
)`;

/** The same by the leader, for what a store did not bring to its end. In: election, epoch; most jobs. */
export const GO_ON_CANCELLING = `/* go_on_cancelling */
WITH ${STANDING},${CANCEL_JOBS('standing CROSS JOIN ', 'true', '$3')}`;

/**
 * Gives every job that did not succeed another chance, from where the workflow failed: those that depend on none of these
 * are due now, the others wait again. An expiry that has passed counts no more.
 * In: workflow; the version that was looked at; how many further attempts each job gets.
 * Guard: the version; nothing goes on by itself; no job has been deleted. Rows: how many jobs are due now, and how many wait;
 * none when the guard refused.
 */
export const RETRY_WORKFLOW = `/* retry_workflow */
WITH reopened AS (
  UPDATE workflows SET ${REOPEN_WORKFLOW}
  WHERE id = $1::uuid AND version = $2::int
    AND NOT EXISTS (SELECT 1 FROM jobs WHERE unfinished_workflow = $1::uuid AND state <> 'blocked')
    AND job_count = (SELECT count(*) FROM jobs WHERE workflow_id = $1::uuid)
  RETURNING id
),
again AS MATERIALIZED (
  SELECT jobs.id FROM reopened JOIN jobs ON workflow_id = reopened.id
  WHERE jobs.state IN ('dead', 'cancelled', 'expired', 'blocked') ORDER BY jobs.id FOR UPDATE OF jobs
),
history AS (
  INSERT INTO job_attempts (job_id, attempt, outcome, executor_id, started_at, finished_at, error)
  SELECT id, attempt, CASE WHEN state = 'cancelled' THEN 'cancelled' ELSE
      CASE error->>'name' WHEN 'Timeout' THEN 'timed_out' WHEN 'ExecutorLost' THEN 'lost' ELSE 'failed' END END,
    executor_id, started_at, coalesce(finished_at, now()), error
  FROM jobs JOIN again USING (id) WHERE attempt > 0
  ON CONFLICT DO NOTHING
),
reset_edges AS (
  UPDATE job_dependencies AS edge SET state = CASE parent.state WHEN 'succeeded' THEN 'met' ELSE 'pending' END
  FROM again, jobs AS parent WHERE edge.child_id = again.id AND parent.id = edge.parent_id
),
waiting AS MATERIALIZED (
  SELECT id, (SELECT count(*)::int FROM job_dependencies AS edge JOIN jobs AS parent ON parent.id = edge.parent_id
              WHERE edge.child_id = again.id AND parent.state <> 'succeeded') AS waits_for
  FROM again
),
retried AS (
  UPDATE jobs SET
    state = CASE WHEN waiting.waits_for = 0 THEN 'scheduled' ELSE 'blocked' END,
    waits_for = CASE WHEN jobs.waits_for IS NOT NULL THEN waiting.waits_for END,
    ${AWAITED_AGAIN},
    run_at = now(), finished_at = NULL, cancel_requested_at = NULL, result = NULL, error = NULL,
    expires_at = CASE WHEN expires_at > now() THEN expires_at END,
    max_attempts = CASE WHEN attempt > 0 THEN attempt + $3::int ELSE max_attempts END
  FROM waiting WHERE jobs.id = waiting.id
  RETURNING ${EVENT_COLUMNS}
),
${recordEvents('retried')}
SELECT (SELECT count(*)::int FROM retried WHERE state = 'scheduled') AS due,
  (SELECT count(*)::int FROM retried WHERE state = 'blocked') AS waiting
FROM reopened`;

/**
 * Tells those that wait of ends that nobody has told them of: ones that a cancelled parent brought on, and ones of which
 * whoever ended them did not know. One level at a time.
 * In: election, epoch; most jobs. Guard: the epoch. Rows: the ids of the jobs that were settled, then states without ids.
 * Index: jobs_unsettled_idx.
 */
export const SETTLE_ENDED_JOBS = `/* settle_ended_jobs */
WITH ${STANDING},
unsettled AS MATERIALIZED (
  SELECT jobs.id FROM standing CROSS JOIN jobs
  WHERE unsettled_since IS NOT NULL ORDER BY unsettled_since LIMIT $3 FOR UPDATE OF jobs SKIP LOCKED
),
settled AS (
  UPDATE jobs SET awaited = false FROM unsettled WHERE jobs.id = unsettled.id AND finished_at IS NOT NULL
  RETURNING jobs.id, jobs.state
),${tellChildren('SELECT id, state FROM settled')}
SELECT id, state FROM settled UNION ALL ${TOLD_STATES}`;

/**
 * Writes down what became of workflows all of whose jobs have ended.
 * In: election, epoch; the id to go on from; how many open ones to look at.
 * Guard: the epoch; the version, which a retry or a re-drive bumps at the same time as it makes a job due.
 * Rows: one; how many were closed, and the last that was looked at, or null when there are no further ones. Index: workflows_open_idx, jobs_unfinished_workflow_idx.
 */
export const CLOSE_WORKFLOWS = `/* close_workflows */
WITH ${STANDING},
open AS MATERIALIZED (
  SELECT id, version FROM workflows
  WHERE id > $3::uuid AND finished_at IS NULL ORDER BY id LIMIT $4
),
over AS MATERIALIZED (
  SELECT open.id, version, live.* FROM open CROSS JOIN LATERAL ${countsOf('open.id')} AS live
  WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE unfinished_workflow = open.id)
),
closed AS (
  UPDATE workflows w SET finished_at = coalesce(over.last_end, now()), counts = over.counts
  FROM over, standing WHERE w.id = over.id AND w.version = over.version AND w.finished_at IS NULL
  RETURNING w.id
)
SELECT (SELECT count(*)::int FROM closed) AS closed, (SELECT id FROM open ORDER BY id OFFSET $4::int - 1) AS "lastId"`;
