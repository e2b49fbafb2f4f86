/** The dead-letter queue: jobs that have used up their attempts, and jobs that are held for a person. */
import { Injectable } from '@nestjs/common';
import type { ListedJob } from './job.repository.js';
import { isUniqueConflict } from './database-errors.js';
import { AWAITED_AGAIN } from './dependency-statements.js';
import { EVENT_COLUMNS, recordEvents } from './event-statements.js';
import { DELETE_BELONGINGS, LISTED_JOB_COLUMNS, mayBeDeleted } from './job-statements.js';
import { REOPEN_WORKFLOW } from './workflow-statements.js';
import { PrismaService } from './prisma.service.js';

export interface DeadLetterFilter {
  readonly type?: string | undefined;
  readonly queue?: string | undefined;
  /** Name of the error that ended the job, such as CommandFailed. */
  readonly error?: string | undefined;
  readonly failedBefore?: Date | undefined;
  readonly failedAfter?: Date | undefined;
  /** Operands of LIKE, one of which the queue must fit; null is no limit. */
  readonly queuePatterns: readonly string[] | null;
}

/** Which dead jobs a filter means: $1 to $6, each of which may be null. Index: jobs_dead_idx. */
const MATCHING = `died_at IS NOT NULL AND state = 'dead'
  AND ($1::text IS NULL OR type = $1) AND ($2::text IS NULL OR queue = $2) AND ($3::text IS NULL OR error->>'name' = $3)
  AND ($4::timestamptz IS NULL OR finished_at < $4::timestamptz) AND ($5::timestamptz IS NULL OR finished_at > $5::timestamptz)
  AND ($6::text[] IS NULL OR queue LIKE ANY ($6::text[]))`;

const COUNT_DEAD = `/* count_dead */ SELECT count(*)::int AS count FROM jobs WHERE ${MATCHING}`;

/** Newest first, from before the id $7. */
const LIST_DEAD = `/* list_dead */
SELECT ${LISTED_JOB_COLUMNS} FROM jobs WHERE ${MATCHING} AND ($7::uuid IS NULL OR id < $7::uuid) ORDER BY id DESC LIMIT $8`;

/** Whether another unfinished job has taken the job's unique key meanwhile. */
const UNIQUE_KEY_IS_TAKEN = `EXISTS (
  SELECT 1 FROM jobs other WHERE other.unfinished_key = jobs.unique_key AND other.id <> jobs.id)`;

/**
 * What re-driving means in a workflow: it is no longer over, nor being cancelled. The job does not wait for its parents any
 * more; those that are held because it died wait for it again. Those that were cancelled for it stay cancelled: retrying the
 * workflow brings them back.
 */
const IN_ITS_WORKFLOW = `
of_workflows AS MATERIALIZED (SELECT id, workflow_id FROM redriven WHERE workflow_id IS NOT NULL),
reopened AS (
  UPDATE workflows SET ${REOPEN_WORKFLOW} WHERE id IN (SELECT workflow_id FROM of_workflows)
),
waived AS (
  UPDATE job_dependencies AS edge SET state = 'waived' FROM of_workflows AS job
  WHERE edge.child_id = job.id AND edge.state IN ('pending', 'failed')
),
pending_again AS (
  UPDATE job_dependencies AS edge SET state = 'pending' FROM of_workflows AS job
  WHERE edge.parent_id = job.id AND edge.state = 'failed'
  RETURNING edge.child_id
),
waiting_again AS (
  UPDATE jobs SET error = NULL
  WHERE id IN (SELECT child_id FROM pending_again) AND state = 'blocked'
    AND NOT EXISTS (SELECT 1 FROM job_dependencies AS edge WHERE edge.child_id = jobs.id AND edge.state = 'failed'
                    AND edge.parent_id NOT IN (SELECT id FROM of_workflows))
)`;

/**
 * Makes the jobs that `chosen` names due now, with further attempts; the attempt that ended them goes into their history. A
 * cancellation that came too late for that attempt counts no more, nor does an expiry that has passed while it was held.
 * Of several with one unique key the oldest comes back.
 * @param attempts the parameter that holds how many further attempts they get
 */
const REDRIVE = (chosen: string, attempts: string) => `
WITH free AS MATERIALIZED (
  SELECT id, unique_key FROM jobs WHERE ${chosen} AND (unique_key IS NULL OR NOT ${UNIQUE_KEY_IS_TAKEN}) FOR UPDATE SKIP LOCKED
),
chosen AS MATERIALIZED (
  SELECT DISTINCT ON (unique_key, CASE WHEN unique_key IS NULL THEN id END) id FROM free
  ORDER BY unique_key, CASE WHEN unique_key IS NULL THEN id END, id
),
history AS (
  INSERT INTO job_attempts (job_id, attempt, outcome, executor_id, started_at, finished_at, error)
  SELECT id, attempt, CASE error->>'name' WHEN 'Timeout' THEN 'timed_out' WHEN 'ExecutorLost' THEN 'lost' ELSE 'failed' END,
         executor_id, started_at, coalesce(finished_at, now()), error
  FROM jobs JOIN chosen USING (id) WHERE attempt > 0
  ON CONFLICT DO NOTHING
),
redriven AS (
  UPDATE jobs SET state = 'scheduled', run_at = now(), finished_at = NULL, max_attempts = attempt + ${attempts}::int,
    cancel_requested_at = NULL, expires_at = CASE WHEN started_at IS NULL AND expires_at <= now() THEN NULL ELSE expires_at END,
    error = CASE WHEN attempt > 0 THEN error END, waits_for = CASE WHEN waits_for IS NOT NULL THEN 0 END, ${AWAITED_AGAIN}
  FROM chosen WHERE jobs.id = chosen.id
  RETURNING ${EVENT_COLUMNS}
),
${recordEvents('redriven')},
${IN_ITS_WORKFLOW}
SELECT id FROM redriven`;

/** A dead job, or one that is held: blocked not by another job but by what befell it. */
const REDRIVE_ONE = `/* redrive_one */ ${REDRIVE(
  `id = $1::uuid AND (state = 'dead' OR (state = 'blocked' AND error IS NOT NULL))`,
  '$2',
)}`;

/** Those of some jobs that are dead or held. In: ids, further attempts. Rows: id of each; not of those whose unique key is taken. */
export const REDRIVE_JOBS = `/* redrive_jobs */ ${REDRIVE(
  `id = ANY ($1::uuid[]) AND (state = 'dead' OR (state = 'blocked' AND error IS NOT NULL))`,
  '$2',
)}`;

/** A batch, from the id $7 on, oldest first. */
const REDRIVE_MATCHING = `/* redrive_matching */ ${REDRIVE(
  `id IN (SELECT id FROM jobs WHERE ${MATCHING} AND id > $7::uuid ORDER BY id LIMIT $8)`,
  '$9',
)}`;

/** Deletes jobs for good, and what belongs to them. */
const PURGE = (which: string) => `
WITH gone AS (
  DELETE FROM jobs WHERE ${which}
  RETURNING ${EVENT_COLUMNS}
),
${recordEvents('gone', { change: `'deleted'` })},
${DELETE_BELONGINGS}
SELECT id FROM gone`;

const PURGE_MATCHING = `/* purge_matching */ ${PURGE(`id IN (
    SELECT id FROM jobs WHERE ${MATCHING} AND ${mayBeDeleted('jobs')} ORDER BY id LIMIT $7 FOR UPDATE SKIP LOCKED)`)}`;

/** Those of some jobs that have ended and that no workflow needs. In: ids. Rows: id of each. */
export const PURGE_JOBS = `/* purge_jobs */ ${PURGE(
  `id = ANY ($1::uuid[]) AND finished_at IS NOT NULL AND ${mayBeDeleted('jobs')}`,
)}`;

/** The last id of the batch that REDRIVE_MATCHING looks at, so that jobs it must leave alone do not hold it up. */
const END_OF_BATCH = `/* end_of_batch */
SELECT max(id::text) AS id FROM (SELECT id FROM jobs WHERE ${MATCHING} AND id > $7::uuid ORDER BY id LIMIT $8) AS batch`;

const BATCH = 500;
/** How often a statement may lose a race for a unique key before that is an error. */
const MAX_CONFLICTS = 5;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

@Injectable()
export class DeadLetterRepository {
  constructor(private readonly prisma: PrismaService) {}

  async count(filter: DeadLetterFilter): Promise<number> {
    const [row] = await this.prisma.query<{ count: number }>(COUNT_DEAD, ...parameters(filter));
    return row?.count ?? 0;
  }

  /** Newest first. */
  list(filter: DeadLetterFilter, before: string | undefined, limit: number): Promise<ListedJob[]> {
    return this.prisma.query<ListedJob>(LIST_DEAD, ...parameters(filter), before ?? null, limit);
  }

  /** @returns whether it was dead or held, and its unique key, if any, was free */
  async redrive(id: string, attempts: number): Promise<boolean> {
    return (await this.#redrive(REDRIVE_ONE, id, attempts)) > 0;
  }

  /** Re-drives all that match, in batches. @returns how many; jobs whose unique key is taken are left alone */
  async redriveMatching(filter: DeadLetterFilter, attempts: number): Promise<number> {
    let redriven = 0;
    let from = BEFORE_ALL;
    for (;;) {
      const [end] = await this.prisma.query<{ id: string | null }>(
        END_OF_BATCH,
        ...parameters(filter),
        from,
        BATCH,
      );
      if (end?.id == null) return redriven;
      redriven += await this.#redrive(REDRIVE_MATCHING, ...parameters(filter), from, BATCH, attempts);
      from = end.id;
    }
  }

  /** @returns how many */
  async #redrive(statement: string, ...values: readonly unknown[]): Promise<number> {
    for (let tries = 1; ; tries += 1) {
      try {
        return (await this.prisma.query<object>(statement, ...values)).length;
      } catch (error) {
        // A unique key was taken between the look and the change; another look sees by whom.
        if (!isUniqueConflict(error) || tries === MAX_CONFLICTS) throw error;
      }
    }
  }

  /** Deletes all that match, in batches. @returns how many; jobs of workflows that are not over are left alone */
  async purgeMatching(filter: DeadLetterFilter): Promise<number> {
    let purged = 0;
    for (;;) {
      const gone = await this.prisma.query<object>(PURGE_MATCHING, ...parameters(filter), BATCH);
      if (gone.length === 0) return purged;
      purged += gone.length;
    }
  }
}

function parameters(filter: DeadLetterFilter): unknown[] {
  const { type, queue, error, failedBefore, failedAfter, queuePatterns } = filter;
  return [
    type ?? null,
    queue ?? null,
    error ?? null,
    failedBefore?.toISOString() ?? null,
    failedAfter?.toISOString() ?? null,
    queuePatterns,
  ];
}
