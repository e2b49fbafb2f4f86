/** The SQL of looking at jobs that are watched, so that what is seen can be told apart from what happens next. */
import { JOB_COLUMNS } from './job-statements.js';

/**
 * Jobs with the moment at which they were so: an event that could be seen then tells nothing new of them.
 * In: ids. Rows: the jobs that there are. Index: the primary key.
 */
export const SEE_JOBS = `/* see_jobs */
WITH moment AS MATERIALIZED (SELECT pg_current_snapshot() AS seen),
told AS MATERIALIZED (
  SELECT pg_snapshot_xmax(seen)::text::float8 AS next,
    ARRAY(SELECT under_way::text::float8 FROM pg_snapshot_xip(seen) AS under_way) AS "underWay"
  FROM moment
)
SELECT ${JOB_COLUMNS}, next, "underWay" FROM jobs, told WHERE id = ANY ($1::uuid[])`;
