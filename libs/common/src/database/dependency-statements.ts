/**
 * How the end of a job reaches those that wait for it: as part of the very statement that ends it, so that no crash comes
 * between the two. Whatever ends jobs without saying so here leaves them "unsettled" (a generated column), and so do
 * cancellations that must go further down; the leader settles those, level by level, with the same step.
 */
import { DEPENDENCY_FAILED } from '#common/domain/workflow.js';
import { EVENT_COLUMNS, recordEvents } from './event-statements.js';

/**
 * Tells the jobs that wait of the end of others, as CTEs of a statement that has ended those. One of them, `told`, has the
 * state of each job that was changed.
 *
 * - An edge is told once: it leaves `pending`. A job waits for as many edges as are not met, so one with two parents in the
 *   same batch is counted down by two, in one update; and parents that end at the same moment in two transactions wait for
 *   each other at the child's row, whose count is read when it is locked.
 * - Children are locked in the order of their ids, so two batches that share some do not deadlock.
 * - A child that is no longer blocked (cancelled, or started by a person) is left alone.
 * - A statement that ended no job of a workflow does nothing here: each step is driven by the rows of the one before.
 *
 * @param ended a SELECT of id and state of the jobs of workflows that have just ended
 */
export function tellChildren(ended: string): string {
  return `
ended_parents AS MATERIALIZED (${ended}),
told_edges AS (
  UPDATE job_dependencies AS edge
  SET state = CASE WHEN parent.state = 'succeeded' OR edge.on_failure = 'run' THEN 'met' ELSE 'failed' END
  FROM ended_parents AS parent
  WHERE edge.parent_id = parent.id AND edge.state = 'pending'
  RETURNING edge.child_id, edge.state, edge.on_failure, parent.id AS parent_id, parent.state AS parent_state
),
children AS MATERIALIZED (
  SELECT jobs.id, by_child.*
  FROM (
    SELECT child_id, count(*) FILTER (WHERE state = 'met')::int AS met,
      bool_or(state = 'failed' AND on_failure = 'cancel') AS cancels,
      (array_agg(json_build_object('name', '${DEPENDENCY_FAILED}',
          'message', 'the job ' || parent_id || ', on which it depends, is ' || parent_state,
          'details', json_build_object('parentId', parent_id, 'parentState', parent_state))::jsonb
        ORDER BY on_failure) FILTER (WHERE state = 'failed'))[1] AS error
    FROM told_edges GROUP BY child_id
  ) AS by_child
  JOIN jobs ON jobs.id = by_child.child_id
  WHERE coalesce(jobs.state = 'blocked', false)
  ORDER BY jobs.id FOR UPDATE OF jobs
),
told AS (
  UPDATE jobs SET
    waits_for = waits_for - children.met,
    state = CASE WHEN cancels THEN 'cancelled' WHEN waits_for = children.met THEN 'scheduled' ELSE 'blocked' END,
    finished_at = CASE WHEN cancels THEN now() END,
    run_at = CASE WHEN waits_for = children.met THEN greatest(run_at, date_trunc('milliseconds', now())) ELSE run_at END,
    error = coalesce(children.error, jobs.error)
  FROM children WHERE jobs.id = children.id AND coalesce(jobs.state = 'blocked', false)
  RETURNING ${EVENT_COLUMNS}
),${recordEvents('told', { only: `state <> 'blocked'` })}`;
}

/** What the statement answers besides its own rows: one row without an id for each state that other jobs came to. */
export const TOLD_STATES = `SELECT NULL::uuid AS id, state FROM told GROUP BY state`;

/** What belongs to a job that was ended: nobody waits to be told of it any more. In the SET of an UPDATE of jobs. */
export const settledIf = (hasEnded: string) =>
  `awaited = CASE WHEN awaited AND (${hasEnded}) THEN false ELSE awaited END`;

/** A job that is given another chance: those that depend on it will be told of its end again. */
export const AWAITED_AGAIN = `awaited = CASE WHEN awaited IS NOT NULL THEN true END`;
