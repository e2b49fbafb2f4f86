/**
 * The SQL of lists and searches. Whatever is looked for, a statement looks at so many jobs and no more: either at the next
 * ones along an index that is in the order of ids, or at all of a partial index, when that is small. Each is planned anew
 * (it has no name to be prepared under), for the values decide what is good.
 */
import { alongIndex, amongIndexes, conditionOf, Parameters, type JobFilter } from './job-conditions.js';

export interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

export interface Step {
  /** Only jobs with an id below this one. */
  readonly before: string;
  /** How many jobs are looked at. */
  readonly chunk: number;
  /** How many of those that fit are wanted. */
  readonly limit: number;
}

/** Above all ids. */
export const AFTER_ALL = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/**
 * Looks at the next jobs, newest first.
 * Rows: the columns of those that fit, newest first; one row with nulls when there are none. Each has "lookedBackTo": the
 * oldest job that was looked at, or null when there are no older ones, or as many as wanted were found before.
 */
export function walk(filter: JobFilter, columns: string, { before, chunk, limit }: Step): Statement {
  const parameters = new Parameters();
  const along = alongIndex(filter, parameters);
  const next = `FROM jobs WHERE ${along} AND jobs.id < ${parameters.bind(before)}::uuid ORDER BY jobs.id DESC`;
  const size = `${parameters.bind(chunk)}::int`;
  const most = `${parameters.bind(limit)}::int`;
  const sql = `/* walk_jobs, planned each time */
WITH found AS MATERIALIZED (
  SELECT jobs.id FROM (SELECT jobs.* ${next} LIMIT ${size}) AS jobs
  WHERE ${conditionOf(filter, parameters)} ORDER BY jobs.id DESC LIMIT ${most}
)
SELECT CASE WHEN (SELECT count(*) FROM found) < ${most} THEN (SELECT jobs.id ${next} OFFSET ${size} - 1 LIMIT 1) END AS "lookedBackTo",
  listed.*
FROM (SELECT 1) AS one LEFT JOIN (SELECT ${columns} FROM jobs WHERE id IN (SELECT id FROM found)) AS listed ON true
ORDER BY listed.id DESC`;
  return { sql, parameters: parameters.values };
}

/**
 * Looks at all jobs of the partial indexes that have those that fit, unless one of them has too many.
 * Rows: the columns of those that fit, newest first; one row with nulls when there are none. Each has "tooMany".
 */
export function lookThrough(
  filter: JobFilter,
  columns: string,
  { before, limit }: Omit<Step, 'chunk'>,
): Statement {
  const parameters = new Parameters();
  const among = amongIndexes(filter, parameters);
  const older = `jobs.id < ${parameters.bind(before)}::uuid`;
  const fits = conditionOf(filter, parameters);
  const sql = `/* look_through_jobs, planned each time */
WITH size AS MATERIALIZED (
  SELECT ${among.map(({ where, most }) => `EXISTS (SELECT 1 FROM jobs WHERE ${where} OFFSET ${most})`).join(' OR ')} AS "tooMany"
),
found AS MATERIALIZED (
  SELECT id FROM (
    ${among.map(({ where, most }) => `SELECT jobs.id FROM (SELECT jobs.* FROM jobs WHERE ${where} LIMIT ${most}) AS jobs WHERE ${older} AND ${fits}`).join('\n    UNION ALL ')}
  ) AS parts
  WHERE NOT (SELECT "tooMany" FROM size) ORDER BY id DESC LIMIT ${parameters.bind(limit)}::int
)
SELECT size.*, listed.*
FROM size LEFT JOIN (SELECT ${columns} FROM jobs WHERE id IN (SELECT id FROM found)) AS listed ON true
ORDER BY listed.id DESC`;
  return { sql, parameters: parameters.values };
}

/** Counts among the next jobs. Rows: state and count of those that fit; one row without a state, with "lookedBackTo" as above. */
export function countNext(filter: JobFilter, { before, chunk }: Omit<Step, 'limit'>): Statement {
  const parameters = new Parameters();
  const along = alongIndex(filter, parameters);
  const next = `FROM jobs WHERE ${along} AND jobs.id < ${parameters.bind(before)}::uuid ORDER BY jobs.id DESC`;
  const size = `${parameters.bind(chunk)}::int`;
  const sql = `/* count_next_jobs, planned each time */
SELECT jobs.state, count(*)::int AS count, NULL::uuid AS "lookedBackTo"
FROM (SELECT jobs.* ${next} LIMIT ${size}) AS jobs WHERE ${conditionOf(filter, parameters)} GROUP BY jobs.state
UNION ALL
SELECT NULL, 0, (SELECT jobs.id ${next} OFFSET ${size} - 1 LIMIT 1)`;
  return { sql, parameters: parameters.values };
}
