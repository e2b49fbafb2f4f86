/**
 * The SQL of the protocol, one named statement for each step. All are set-based (arrays in through unnest, rows out),
 * run on Postgres's clock, and name in WHERE the state, and the fencing token, that they rely on: a statement that
 * changes no row has met a newer truth, which is an expected answer.
 */

import { PRIORITY, type JobState } from '#common/domain/job.js';
import { settledIf, tellChildren, TOLD_STATES } from './dependency-statements.js';
import { CANCELLATION, EVENT_COLUMNS, recordEvents } from './event-statements.js';
import { HINT_CHANNEL } from './hint-channel.js';

/** What a job's row looks like to the repository. */
export const JOB_COLUMNS = `id, name, type, queue, state, priority, run_at AS "runAt", delivery, attempt,
  max_attempts AS "maxAttempts", timeout_ms::float8 AS "timeoutMs", retry, payload, created_at AS "createdAt",
  queued_at AS "queuedAt", started_at AS "startedAt", finished_at AS "finishedAt", executor_id AS "executorId",
  worker, cancel_requested_at AS "cancelRequestedAt", on_lost AS "onLost",
  unique_key AS "uniqueKey", concurrency_key AS "concurrencyKey", fairness_key AS "fairnessKey", expires_at AS "expiresAt",
  coalesce(tags, '{}') AS tags, created_by AS "createdBy", workflow_id AS "workflowId", waits_for AS "waitsFor", result, error`;

/** Commits of this statement need not wait for the disk: what a crash of Postgres loses here, the fences heal. */
export const WITHOUT_FSYNC = `nosync AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))`;

/**
 * The job is in this state, said so that Postgres does not estimate how many are. Its statistics lag behind: when they say
 * that hardly any job is running, it reads all jobs to find the few, and compares each with each of a batch.
 */
export const isIn = (state: JobState) => `coalesce(jobs.state = '${state}', false)`;

/** It has not passed its expiry, has started before, or has no expiry. For whoever hands over or starts. */
export const NOT_EXPIRED = `(jobs.expirable_at <= now()) IS NOT TRUE`;

/**
 * The columns of new jobs, as parameters $1 to $19 and as a table named n. From $14 on they are of use to few jobs: their
 * arrays are empty unless a job of the batch has something there, and unnest fills them up with nulls.
 * @param more further columns
 */
export const newJobsTable = (more: { arrays: string; names: string } = { arrays: '', names: '' }) =>
  `unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::timestamptz[], $7::float8[],
            $8::int[], $9::bigint[], $10::jsonb[], $11::jsonb[], $12::text[], $13::text[], $14::text[], $15::text[],
            $16::timestamptz[], $17::float8[], $18::text[], $19::uuid[]${more.arrays})
  AS n(id, name, type, queue, priority, run_at, delay_ms, max_attempts, timeout_ms, retry, payload, on_lost, unique_key,
       concurrency_key, fairness_key, expires_at, expires_in_ms, tags, created_by${more.names})`;
const NEW_JOBS = newJobsTable();

/** Columns hold milliseconds; rounded up, what is due now would be due a moment later. */
const THIS_MOMENT = `date_trunc('milliseconds', now())`;

/**
 * Whether workers outside are to run a job: decided where the job is stored, by whoever stores it. True or null. The types are
 * looked up once in each statement, however many jobs it stores.
 */
export const isRemote = (type: string) =>
  `CASE WHEN ${type} = ANY (ARRAY(SELECT job_types.type FROM job_types WHERE job_types.remote)) THEN true END`;

/** Node reads no later times from Postgres. */
const LAST_MOMENT = `timestamptz '9999-12-31T23:59:59Z'`;

const DUE_AT = `coalesce(n.run_at, ${THIS_MOMENT} + n.delay_ms * interval '1 millisecond')`;

/**
 * Due at their run_at, or so many milliseconds from now. Expiry is a time, or counts from when they are due, now at the earliest.
 * @param more further columns, and their values
 */
export const storeNewJobs = (
  state: string,
  more: { columns: string; values: string } = { columns: '', values: '' },
) => `
INSERT INTO jobs (id, name, type, queue, state, priority, created_at, run_at, max_attempts, timeout_ms, retry, payload, on_lost, unique_key,
  concurrency_key, fairness_key, remote, expires_at, tags, created_by${more.columns})
SELECT n.id, n.name, n.type, n.queue, ${state}, n.priority, ${THIS_MOMENT}, ${DUE_AT},
       n.max_attempts, n.timeout_ms, n.retry, n.payload, n.on_lost, n.unique_key,
       n.concurrency_key, n.fairness_key, ${isRemote('n.type')},
       CASE WHEN n.expires_in_ms IS NULL THEN n.expires_at
            ELSE least(greatest(${DUE_AT}, ${THIS_MOMENT}) + n.expires_in_ms * interval '1 millisecond', ${LAST_MOMENT}) END,
       n.tags::text[], n.created_by${more.values}`;
const STORE_NEW_JOBS = storeNewJobs(`'scheduled'`);

/** What the database decides about a new job; all else the caller knows. */
const NEW_JOB_TIMES = `id, run_at AS "runAt", created_at AS "createdAt", expires_at AS "expiresAt"`;

/** Submit: stores new jobs. In: one array for each column. Rows: id and times of each, in no particular order. */
export const INSERT_JOBS = `/* insert_jobs */
WITH stored AS (${STORE_NEW_JOBS}
FROM ${NEW_JOBS}
RETURNING ${EVENT_COLUMNS}, run_at, created_at, expires_at),
${recordEvents('stored')}
SELECT ${NEW_JOB_TIMES} FROM stored`;

/** The same for a few jobs that are due: the leader is woken by the commit itself, one round trip sooner. */
export const INSERT_JOBS_WITH_HINT = `/* insert_jobs_with_hint */
WITH hint AS MATERIALIZED (SELECT pg_notify('${HINT_CHANNEL}', 'work')),
stored AS (${STORE_NEW_JOBS}
FROM ${NEW_JOBS}, hint
RETURNING ${EVENT_COLUMNS}, run_at, created_at, expires_at),
${recordEvents('stored')}
SELECT ${NEW_JOB_TIMES} FROM stored`;

/**
 * Submit with Idempotency-Keys: stores the jobs whose key is new, together with the key.
 * In: the columns, then keys and request hashes. Rows: id and times; a job whose key was known is not among them.
 * Keys are taken in their own order, so that two batches which share some wait for each other instead of deadlocking.
 */
export const INSERT_IDEMPOTENT_JOBS = `/* insert_idempotent_jobs */
WITH fresh AS (
  INSERT INTO idempotency_keys (key, request_hash, job_id)
  SELECT DISTINCT ON (key) key, hash, job_id FROM unnest($20::text[], $21::text[], $1::uuid[]) AS k(key, hash, job_id) ORDER BY key
  ON CONFLICT (key) DO NOTHING
  RETURNING job_id
),
stored AS (${STORE_NEW_JOBS}
FROM ${NEW_JOBS} JOIN fresh ON fresh.job_id = n.id
RETURNING ${EVENT_COLUMNS}, run_at, created_at, expires_at),
${recordEvents('stored')}
SELECT ${NEW_JOB_TIMES} FROM stored`;

/** What earlier submissions with these Idempotency-Keys have made. Rows: key, hash of the request, id of the job. */
export const FIND_IDEMPOTENCY_KEYS = `/* find_idempotency_keys */
SELECT key, request_hash AS "requestHash", job_id AS "jobId" FROM idempotency_keys WHERE key = ANY ($1::text[])`;

/** Stores one job unless an unfinished one has its unique key. Rows: the job, or none. Index: jobs_unique_key_idx. */
export const INSERT_UNIQUE_JOB = `/* insert_unique_job */
WITH stored AS (${STORE_NEW_JOBS}
FROM ${NEW_JOBS}
ON CONFLICT (unfinished_key) WHERE unfinished_key IS NOT NULL DO NOTHING
RETURNING *),
${recordEvents('stored')}
SELECT ${JOB_COLUMNS} FROM stored`;

/** The unfinished job that has a unique key, locked so that it cannot start or end meanwhile. Rows: one or none. */
export const LOCK_UNIQUE_JOB = `/* lock_unique_job */
SELECT ${JOB_COLUMNS} FROM jobs
WHERE unfinished_key = $1 FOR UPDATE`;

/** Priorities are scanned one by one, so that each is one range of the index. */
export const EACH_PRIORITY = `generate_series(${PRIORITY.most}, ${PRIORITY.least}) AS p(priority)`;

/**
 * Where to begin to look in one queue and priority: behind what was claimed last, but never less than 200 ms ago, because
 * a submission may become visible after a later one. What lies before is dead index entries for the most part.
 * From $5 and $6, the last claimed due time and id of each priority of each wanted queue.
 */
export const AFTER_POSITION = `(claimable_at, jobs.id) > (
    least(last.at, now() - interval '200 milliseconds'),
    CASE WHEN last.at < now() - interval '200 milliseconds' THEN last.id ELSE '00000000-0000-0000-0000-000000000000' END)`;
export const LAST_CLAIMED = `(SELECT ($5::timestamptz[])[place] AS at, ($6::uuid[])[place] AS id
  FROM (SELECT (wanted.nth - 1) * ${PRIORITY.least - PRIORITY.most + 1} + p.priority - ${PRIORITY.most - 1} AS place) AS places) AS last`;

/** Jobs without a key, in the words of jobs_claim_idx; those with one wait in lanes (limited-claim-statement.ts). */
export const UNKEYED = `jobs.fairness_key IS NULL AND jobs.concurrency_key IS NULL`;

/**
 * How long before its due time a job is claimed, in milliseconds. It is handed over at that time and no sooner; that it is
 * claimed by then saves its waiting for a claim that is under way.
 */
export const CLAIMED_AHEAD_MS = 20;
const ALMOST_DUE = `claimable_at <= now() + interval '${CLAIMED_AHEAD_MS} milliseconds'`;

/**
 * T1, claim: takes due jobs, and those that will be due in a moment, most urgent first, and readies them for the hand-over.
 * In: election, epoch; for each queue how many are wanted; where to begin; the version of the queues' settings that the
 * leader knows. None of the queues has limits or jobs with keys: CLAIM_LIMITED is for those.
 * Guard: the epoch and the settings still stand (share-locked, so a successor's bump, or a change of settings, waits for this
 * claim or beats it); state scheduled; not expired.
 * Rows: id, delivery, type, queue, priority, due time and time until then of each claimed job, in the order of the hand-over.
 * Index: jobs_claim_idx, read once for each queue and priority, so jobs that are not due cost nothing.
 */
export const CLAIM_DUE = `/* claim_due */
WITH ${WITHOUT_FSYNC},
standing AS MATERIALIZED (
  SELECT 1 FROM leader_epochs, nosync
  WHERE election = $1 AND epoch = $2 AND settings_version = $7 FOR SHARE OF leader_epochs
),
due AS MATERIALIZED (
  SELECT job.id, job.priority, job.run_at
  FROM standing,
       unnest($3::text[], $4::int[]) WITH ORDINALITY AS wanted(queue, room, nth),
       LATERAL (
         SELECT one.id, one.run_at, one.priority
         FROM ${EACH_PRIORITY},
              LATERAL ${LAST_CLAIMED},
              LATERAL (
                SELECT jobs.id, run_at, jobs.priority FROM jobs
                WHERE jobs.queue = wanted.queue AND jobs.priority = p.priority AND ${ALMOST_DUE}
                  AND ${UNKEYED} AND ${AFTER_POSITION} AND ${NOT_EXPIRED}
                ORDER BY claimable_at, jobs.id LIMIT wanted.room FOR UPDATE OF jobs SKIP LOCKED
              ) AS one
         LIMIT wanted.room
       ) AS job
),
claimed AS (
  UPDATE jobs SET state = 'queued', delivery = delivery + 1, queued_at = now()
  FROM due WHERE jobs.id = due.id AND ${isIn('scheduled')}
  RETURNING ${EVENT_COLUMNS}, jobs.priority, jobs.run_at
),
${recordEvents('claimed')}
SELECT id, delivery, type, queue, priority, due.at_ms AS "runAtMs", due.at_ms - moment.ms AS "dueInMs"
FROM claimed, (SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms) AS moment,
  LATERAL (SELECT extract(epoch FROM run_at)::float8 * 1000 AS at_ms) AS due
ORDER BY priority, run_at, id`;

/**
 * When the next job of some queues is due.
 * In: as for CLAIM_DUE; $4 is not looked at. Rows: one; whether the epoch and the settings stand, and in how many milliseconds (negative when
 * overdue) the next job is due, or null when none is scheduled. Index: jobs_claim_idx.
 */
export const NEXT_DUE = `/* next_due */
SELECT EXISTS (SELECT 1 FROM leader_epochs WHERE election = $1 AND epoch = $2) AS standing,
  EXISTS (SELECT 1 FROM leader_epochs WHERE election = $1 AND settings_version = $7) AS "settingsStand",
  (SELECT extract(epoch FROM min(first.claimable_at) - clock_timestamp())::float8 * 1000
   FROM unnest($3::text[], $4::int[]) WITH ORDINALITY AS wanted(queue, room, nth),
        ${EACH_PRIORITY},
        LATERAL ${LAST_CLAIMED},
        LATERAL (SELECT claimable_at FROM jobs
                 WHERE jobs.queue = wanted.queue AND jobs.priority = p.priority AND claimable_at IS NOT NULL
                   AND ${UNKEYED} AND ${AFTER_POSITION}
                 ORDER BY claimable_at, jobs.id LIMIT 1) AS first) AS "dueInMs"`;

/**
 * The queues of one shard. The hash is Postgres's own, so all schedulers that use one database agree on it.
 * In: shard ($1) and number of shards ($2).
 */
const QUEUES_OF_SHARD = `(SELECT name FROM queues WHERE (hashtext(name) & 2147483647) % $2::int = $1::int) AS q`;

/**
 * What a leader must know of the queues of its shard. In: shard, number of shards, election.
 * Rows: name; whether it is paused, has been settled since its last change, and has limits or jobs with keys; who drains it; and the version
 * of all settings, as of the same moment.
 */
export const SHARD_QUEUES = `/* shard_queues */
SELECT queues.name, paused, settled, drain, keyed OR concurrency IS NOT NULL OR rate_limit IS NOT NULL AS limited,
  coalesce((SELECT settings_version FROM leader_epochs WHERE election = $3), 0)::text AS "settingsVersion"
FROM ${QUEUES_OF_SHARD} JOIN queues ON queues.name = q.name`;

/**
 * T3, sweep, first half: handed-over jobs that nobody has started for a while.
 * In: shard, number of shards, age in milliseconds, most rows. Rows: id, delivery, queue, oldest first.
 * Index: jobs_in_flight_idx.
 */
export const FIND_OVERDUE_DELIVERIES = `/* find_overdue_deliveries */
SELECT id AS "jobId", delivery, queue FROM jobs
WHERE in_flight_since <= now() - $3::float8 * interval '1 millisecond' AND ${isIn('queued')}
  AND queue IN (SELECT name FROM ${QUEUES_OF_SHARD})
ORDER BY in_flight_since LIMIT $4`;

/**
 * T3, sweep, second half: takes back deliveries that BullMQ does not know, so that the next claim hands them over anew.
 * In: election, epoch; job ids and the deliveries that were lost. Guard: epoch; state queued and that very delivery.
 * Rows: id of each job taken back.
 */
export const TAKE_BACK_DELIVERIES = `/* take_back_deliveries */
WITH standing AS MATERIALIZED (
  SELECT 1 FROM leader_epochs WHERE election = $1 AND epoch = $2 FOR SHARE
),
taken AS (
  UPDATE jobs SET state = 'scheduled', queued_at = NULL
  FROM standing, unnest($3::uuid[], $4::int[]) AS lost(id, delivery)
  WHERE jobs.id = lost.id AND ${isIn('queued')} AND jobs.delivery = lost.delivery
  RETURNING ${EVENT_COLUMNS}
),
${recordEvents('taken')}
SELECT id FROM taken`;

/**
 * T4, start: turns deliveries into running attempts.
 * In: executor; job ids and deliveries. Guard: state queued and that very delivery, so a lost, repeated or outdated
 * delivery starts nothing; not expired; the executor's own lease stands, so nobody starts what would be reclaimed at once.
 * Rows: the spec of each job that was started.
 */
export const START_JOBS = `/* start_jobs */
WITH ${WITHOUT_FSYNC},
alive AS MATERIALIZED (SELECT 1 FROM executors, nosync WHERE id = $1::uuid AND lease_until > now()),
started AS (
  UPDATE jobs SET state = 'running', attempt = attempt + 1, executor_id = $1::uuid, started_at = now(),
    finished_at = NULL, deadline = now() + (timeout_ms + $4::float8) * interval '1 millisecond'
  FROM alive, unnest($2::uuid[], $3::int[]) AS d(id, delivery)
  WHERE jobs.id = d.id AND ${isIn('queued')} AND jobs.delivery = d.delivery AND ${NOT_EXPIRED}
  RETURNING ${EVENT_COLUMNS}, payload, max_attempts, timeout_ms, retry, on_lost, waits_for
),
${recordEvents('started')}
SELECT id, type, payload, delivery, attempt, max_attempts AS "maxAttempts", timeout_ms::float8 AS "timeoutMs", retry,
  on_lost AS "onLost", CASE WHEN waits_for IS NOT NULL THEN true END AS "hasParents" FROM started`;

/** Whether the attempt that ended is the last of its job. */
const IS_LAST = `ended.state NOT IN ('scheduled', 'blocked') OR cancel_requested_at IS NOT NULL`;

/**
 * T6, finish: records what became of attempts, and what they wrote, in one step.
 * In: arrays of id, attempt, executor, next state, wait before the next attempt (ms), whether the attempt counts,
 * the outcome and error kept in the history (null where nothing is), result, final error, delivery;
 * then the outputs.
 * Guard: state running, that very delivery, attempt and executor: an attempt that was taken back changes nothing. The
 * delivery tells two runs apart of which the first was handed back uncounted: they may share attempt and executor.
 * A job whose cancellation was asked for is neither tried again nor held: it becomes cancelled.
 * @param standing what the caller's own guard adds to FROM
 * @param overruled the states that a cancel overrules. Not the death that an executor reports: that came first.
 * Rows: id and resulting state of each accepted attempt; then, without id, the states that jobs which waited for these came
 * to, and one row without a state when limits of a queue have room again.
 */
export const FINISH = (standing: string, overruled = `'scheduled', 'blocked'`) => `
ended AS (
  SELECT * FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::float8[], $6::bool[], $7::text[],
                       $8::jsonb[], $9::jsonb[], $10::jsonb[], $11::int[])
    AS e(id, attempt, executor_id, state, delay_ms, counted, outcome, attempt_error, result, error, delivery)
),
accepted AS (
  UPDATE jobs SET
    state = CASE WHEN ended.state IN (${overruled}) AND cancel_requested_at IS NOT NULL THEN 'cancelled' ELSE ended.state END,
    attempt = ended.attempt - CASE WHEN ended.counted THEN 0 ELSE 1 END,
    run_at = CASE WHEN ended.state = 'scheduled' THEN now() + ended.delay_ms * interval '1 millisecond' ELSE run_at END,
    finished_at = CASE WHEN ${IS_LAST} THEN now() END,
    ${settledIf(IS_LAST)},
    result = ended.result,
    error = CASE WHEN ended.counted THEN coalesce(ended.error, ended.attempt_error) ELSE jobs.error END,
    deadline = NULL, lease_until = NULL, queued_at = NULL
  FROM ended${standing}
  WHERE jobs.id = ended.id AND ${isIn('running')} AND jobs.executor_id = ended.executor_id
    AND jobs.delivery = ended.delivery AND jobs.attempt = ended.attempt
  RETURNING ${EVENT_COLUMNS}, ended.attempt AS ended_attempt, ended.outcome, ended.attempt_error, jobs.executor_id,
    jobs.started_at, jobs.limited
),
${recordEvents('accepted')},
history AS (
  INSERT INTO job_attempts (job_id, attempt, outcome, executor_id, started_at, error)
  SELECT id, ended_attempt, outcome, executor_id, started_at, attempt_error FROM accepted WHERE outcome IS NOT NULL
),
${tellChildren(`SELECT id, state FROM accepted WHERE workflow_id IS NOT NULL AND state NOT IN ('scheduled', 'blocked')`)}`;
const FINISHED = `
SELECT id, state FROM accepted UNION ALL ${TOLD_STATES}
UNION ALL SELECT NULL, NULL WHERE EXISTS (SELECT 1 FROM accepted WHERE limited)`;

export const FINISH_JOBS = `/* finish_jobs */
WITH ${FINISH('')},
output AS (
  INSERT INTO job_outputs (job_id, attempt, seq, stream, text, omitted_bytes)
  SELECT o.job_id, accepted.ended_attempt, o.seq, o.stream, o.text, o.omitted_bytes
  FROM unnest($12::uuid[], $13::int[], $14::text[], $15::text[], $16::bigint[]) AS o(job_id, seq, stream, text, omitted_bytes)
  JOIN accepted ON accepted.id = o.job_id
)${FINISHED}`;

/**
 * T7, reclaim, second half: the same for attempts whose executor is gone, by a leader whose epoch ($12, $13) stands. Nobody can
 * say that such a job failed before it was cancelled; so it is not dead, and no re-drive of dead jobs brings it back.
 */
export const RECLAIM_JOBS = `/* reclaim_jobs */
WITH standing AS MATERIALIZED (
  SELECT 1 FROM leader_epochs WHERE election = $12 AND epoch = $13 FOR SHARE
),${FINISH(', standing', `'scheduled', 'blocked', 'dead'`)}${FINISHED}`;

/** Whether somebody still holds a running job j: the worker outside that leased it, or else its executor e. */
const HOLDER_LIVES = `CASE WHEN j.lease_until IS NULL THEN e.id IS NOT NULL AND e.lease_until > now() ELSE j.lease_until > now() END`;

/**
 * T7, reclaim, first half: running attempts whose executor's lease, or whose own, ran out, whose executor has left, or whose
 * own deadline has passed. In: most rows. Index: jobs_in_flight_idx.
 */
export const FIND_LOST_ATTEMPTS = `/* find_lost_attempts */
SELECT j.id, j.delivery, j.attempt, j.max_attempts AS "maxAttempts", j.retry, j.on_lost AS "onLost", j.executor_id AS "executorId",
  ${HOLDER_LIVES} AS "executorAlive"
FROM jobs j LEFT JOIN executors e ON e.id = j.executor_id
WHERE j.in_flight_since IS NOT NULL AND j.state = 'running' AND (NOT ${HOLDER_LIVES} OR j.deadline <= now())
LIMIT $1`;

/**
 * Cancel: ends jobs that are not running at once, and asks for the end of those that are; their executors then confirm.
 * Guard: not in an end state. `cancelled` has them. A child that is cancelled with its parent is not told of it: the step that
 * tells comes after all of them, and finds it changed.
 */
const cancelling = (which: string) => `
WITH cancelled AS (
  UPDATE jobs SET
    state = CASE WHEN state = 'running' THEN 'running' ELSE 'cancelled' END,
    finished_at = CASE WHEN state = 'running' THEN NULL ELSE now() END,
    ${settledIf(`state <> 'running'`)},
    cancel_requested_at = coalesce(cancel_requested_at, now())
  WHERE ${which} AND state IN ('blocked', 'scheduled', 'queued', 'running')
  RETURNING *
),
${recordEvents('cancelled', CANCELLATION)},
${tellChildren(`SELECT id, state FROM cancelled WHERE workflow_id IS NOT NULL AND state = 'cancelled'`)}`;

/** Rows: the job, or none. */
export const CANCEL_JOB = `/* cancel_job */${cancelling('id = $1::uuid')}
SELECT ${JOB_COLUMNS} FROM cancelled`;

/** Many at once, which the caller has locked. Rows: what others must hear of each. */
export const CANCEL_JOBS = `/* cancel_jobs */${cancelling('id = ANY ($1::uuid[])')}
SELECT id, state, queued_at IS NOT NULL AS "handedOver", workflow_id IS NOT NULL AS "inWorkflow" FROM cancelled`;

/**
 * Another priority for jobs that the caller has locked. One that was handed over goes back, so that the next claim takes it in
 * its new place; the delivery that BullMQ holds is outdated then and starts nothing. For one that runs it counts from its
 * next attempt on. In: ids, priority. Guard: not ended, another priority. Rows: id of each.
 */
export const REPRIORITISE_JOBS = `/* reprioritise_jobs */
WITH changed AS (
  UPDATE jobs SET priority = $2::smallint,
    state = CASE WHEN jobs.state = 'queued' THEN 'scheduled' ELSE jobs.state END,
    queued_at = CASE WHEN jobs.state = 'queued' THEN NULL ELSE queued_at END
  FROM (SELECT id, state FROM jobs WHERE id = ANY ($1::uuid[])) AS earlier
  WHERE jobs.id = earlier.id AND finished_at IS NULL AND priority <> $2::smallint
  RETURNING ${EVENT_COLUMNS}, earlier.state AS state_before
),
${recordEvents('changed', { only: `state <> state_before` })}
SELECT id FROM changed`;

/**
 * What an executor should know of: its attempts that somebody wants ended, and those that began a while ago. The safety
 * net for notifications, and for answers to START, that were lost on the way.
 * In: executor, age in milliseconds. Index: jobs_in_flight_idx.
 */
export const FIND_OWN_ATTEMPTS = `/* find_own_attempts */
SELECT id, delivery, attempt, max_attempts AS "maxAttempts", retry, on_lost AS "onLost",
  cancel_requested_at IS NOT NULL AS "cancelRequested"
FROM jobs WHERE in_flight_since IS NOT NULL AND state = 'running' AND executor_id = $1::uuid
  AND (cancel_requested_at IS NOT NULL OR started_at < now() - $2::float8 * interval '1 millisecond')`;

export const GET_JOBS = `/* get_jobs */
SELECT ${JOB_COLUMNS} FROM jobs WHERE id = ANY ($1::uuid[])`;

export const GET_JOB = `/* get_job */
SELECT ${JOB_COLUMNS} FROM jobs WHERE id = $1::uuid`;

/** Larger payloads and results are left out of lists, in bytes: a page of them could be larger than a store's memory. */
const LISTED_BYTES = 4096;

/** A job as lists show it: what is too large is null, and named in "omitted". */
export const LISTED_JOB_COLUMNS = JOB_COLUMNS.replace(/\b(payload|result)\b/g, (column) =>
  ifSmall(column),
).concat(
  `, array_remove(ARRAY[${['payload', 'result'].map((column) => `CASE WHEN NOT ${isSmall(column)} THEN '${column}' END`).join(', ')}], NULL) AS omitted`,
);

function isSmall(column: string): string {
  return `octet_length(coalesce(${column}::text, '')) <= ${LISTED_BYTES}`;
}

function ifSmall(column: string): string {
  return `CASE WHEN ${isSmall(column)} THEN ${column} END AS ${column}`;
}

/** Up to here all jobs are counted one by one. */
export const COUNTED_JOBS = 100_000;

/** How many jobs there are. Above COUNTED_JOBS it is the estimate that the planner has of the table. */
export const COUNT_ALL_JOBS = `/* count_all_jobs */
SELECT CASE WHEN reltuples > ${COUNTED_JOBS} THEN reltuples::float8
  ELSE (SELECT count(*) FROM (SELECT 1 FROM jobs LIMIT ${COUNTED_JOBS}) AS counted)::float8 END AS total
FROM pg_class WHERE oid = 'jobs'::regclass`;

/** What belongs to jobs that a CTE named "gone" deletes goes with them. It has their id and workflow_id. */
export const DELETE_BELONGINGS = `gone_attempts AS (DELETE FROM job_attempts USING gone WHERE job_id = gone.id),
gone_outputs AS (DELETE FROM job_outputs USING gone WHERE job_id = gone.id),
gone_dependencies AS (DELETE FROM job_dependencies USING gone WHERE gone.workflow_id IS NOT NULL AND child_id = gone.id),
gone_progress AS (DELETE FROM job_progress USING gone WHERE job_id = gone.id)`;

/** A job of a workflow is kept until the workflow is over: its result may be wanted. @param job alias of the job's row */
export const mayBeDeleted = (job: string) =>
  `(${job}.workflow_id IS NULL OR NOT EXISTS (SELECT 1 FROM workflows w WHERE w.id = ${job}.workflow_id AND w.finished_at IS NULL))`;
