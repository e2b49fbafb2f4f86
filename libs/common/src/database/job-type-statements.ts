/** The SQL of job types: who announced them, and what becomes of stored jobs when a type changes sides. */

/**
 * Announces types of executors. In: types and schemas. Guard: not announced for workers outside.
 * Rows: the types that are theirs.
 */
export const ANNOUNCE_TYPES = `/* announce_types */
WITH given AS (SELECT * FROM unnest($1::text[], $2::jsonb[]) AS g(type, payload_schema)),
announced AS (
  INSERT INTO job_types AS t (type, payload_schema) SELECT type, payload_schema FROM given ORDER BY type
  ON CONFLICT (type) DO UPDATE SET payload_schema = excluded.payload_schema, updated_at = now()
  WHERE t.payload_schema <> excluded.payload_schema AND NOT t.remote
)
SELECT type FROM given JOIN job_types USING (type) WHERE remote ORDER BY type`;

/**
 * Announces a type for workers outside. In: type, schema. Guard: no living executor runs it.
 * Rows: whether it was not theirs before; none when executors run it.
 */
export const ANNOUNCE_REMOTE_TYPE = `/* announce_remote_type */
WITH before AS MATERIALIZED (SELECT remote FROM job_types WHERE type = $1)
INSERT INTO job_types AS t (type, payload_schema, remote)
SELECT $1, $2::jsonb, true
WHERE EXISTS (SELECT 1 FROM before WHERE remote)
   OR NOT EXISTS (SELECT 1 FROM executors WHERE lease_until > now() AND $1 = ANY (types))
ON CONFLICT (type) DO UPDATE SET payload_schema = excluded.payload_schema, remote = true, updated_at = now()
RETURNING NOT EXISTS (SELECT 1 FROM before WHERE remote) AS "isNew"`;

/** In: type. Guard: it is theirs. Rows: what it was, or none. */
export const FORGET_REMOTE_TYPE = `/* forget_remote_type */
DELETE FROM job_types WHERE type = $1 AND remote
RETURNING type, payload_schema AS "payloadSchema", remote`;

/**
 * Who is writing to the table of jobs just now. A statement takes its lock before it looks at anything, so whoever does not
 * appear here sees all that was committed before. Rows: transactions.
 */
export const JOBS_WRITERS = `/* jobs_writers */
SELECT DISTINCT virtualtransaction AS id FROM pg_locks
WHERE locktype = 'relation' AND relation = 'jobs'::regclass AND mode = 'RowExclusiveLock' AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()`;

/** Those of some transactions that have not ended. In: transactions. Rows: one for each. */
export const STILL_WRITING = `/* still_writing */
SELECT virtualtransaction AS id FROM pg_locks WHERE locktype = 'virtualxid' AND virtualtransaction = ANY ($1::text[])`;

/**
 * Says of jobs who is to run them: of those that have not ended, or may be driven again. Which state they are in does not
 * matter: what an executor or a worker has begun it may end. (A job that was handed over for an executor comes back when no
 * executor has a handler for it.) In: type; true for workers, null for executors; the id to go on from; most rows.
 * Rows: one; the last id, or null when there are no more.
 */
export const MOVE_JOBS = `/* move_jobs */
WITH batch AS MATERIALIZED (
  SELECT id FROM jobs
  WHERE id > $3::uuid AND type = $1 AND remote IS DISTINCT FROM $2::bool AND (finished_at IS NULL OR state = 'dead')
  ORDER BY id LIMIT $4 FOR UPDATE
),
moved AS (UPDATE jobs SET remote = $2::bool FROM batch WHERE jobs.id = batch.id)
SELECT max(id::text) AS "lastId" FROM batch`;
