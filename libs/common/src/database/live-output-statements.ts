/** The SQL of output that is followed while it is written. It is a copy that lasts minutes; the job keeps the original. */
import { HINT_CHANNEL } from './hint-channel.js';
import { WITHOUT_FSYNC } from './job-statements.js';

/**
 * Stores pieces of what running attempts wrote and wakes those who follow them.
 * In: arrays of job, delivery, seq, stream, position, bytes (base64), whether it is the last.
 */
export const WRITE_LIVE_OUTPUT = `/* write_live_output */
WITH ${WITHOUT_FSYNC},
written AS (
  INSERT INTO live_outputs (job_id, delivery, seq, stream, position, bytes, final)
  SELECT job_id, delivery, seq, stream, position, decode(bytes, 'base64'), final
  FROM nosync, unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::bigint[], $6::text[], $7::bool[])
    AS piece(job_id, delivery, seq, stream, position, bytes, final)
  ON CONFLICT (job_id, delivery, seq) DO NOTHING
  RETURNING job_id
)
SELECT pg_notify('${HINT_CHANNEL}', 'output:' || job_id)::text FROM (SELECT DISTINCT job_id FROM written) AS jobs`;

/** Deletes the pieces of a run before one of them: those who follow have them, or learn how much they have missed. */
export const TRIM_LIVE_OUTPUT = `/* trim_live_output */
DELETE FROM live_outputs WHERE job_id = $1::uuid AND delivery = $2 AND seq < $3`;

/** In: job, delivery, seq after which to begin, most rows. Rows: pieces in their order. */
export const READ_LIVE_OUTPUT = `/* read_live_output */
SELECT seq, stream, position::float8 AS position, bytes, final FROM live_outputs
WHERE job_id = $1::uuid AND delivery = $2 AND seq > $3 ORDER BY seq LIMIT $4`;

/** How far a job is. In: job. Rows: one, or none when there is no such job. */
export const RUN_STATE = `/* run_state */ SELECT state, attempt, delivery FROM jobs WHERE id = $1::uuid`;

/** Deletes what runs that have ended wrote. In: election, epoch; how long it is kept, in milliseconds. Index: live_outputs_at_idx. */
export const PRUNE_LIVE_OUTPUTS = `/* prune_live_outputs */
WITH standing AS MATERIALIZED (
  SELECT 1 FROM leader_epochs WHERE election = $1 AND epoch = $2 FOR SHARE
)
DELETE FROM live_outputs AS piece USING standing
WHERE at < now() - $3::float8 * interval '1 millisecond' AND NOT EXISTS (
  SELECT 1 FROM jobs WHERE id = piece.job_id AND delivery = piece.delivery AND state = 'running')
RETURNING 1 AS one`;
