/** Workflows as the store sees them: submit, look up, list, cancel, retry. */
import { Injectable } from '@nestjs/common';
import type { JobState } from '#common/domain/job.js';
import {
  workflowState,
  type NewWorkflow,
  type OnDependencyFailure,
  type WorkflowCounts,
  type WorkflowState,
} from '#common/domain/workflow.js';
import { newJobColumns, type ListedJob } from './job.repository.js';
import { FIND_IDEMPOTENCY_KEYS, LISTED_JOB_COLUMNS } from './job-statements.js';
import type { IdempotencyKey } from './keyed-submission.repository.js';
import { PrismaService } from './prisma.service.js';
import {
  CANCEL_WORKFLOW_JOBS,
  GET_WORKFLOW,
  HAS_OTHER_QUEUES,
  INSERT_WORKFLOW,
  LIST_DEPENDENCIES,
  LIST_WORKFLOWS,
  REQUEST_WORKFLOW_CANCEL,
  RETRY_WORKFLOW,
} from './workflow-statements.js';

export interface Workflow {
  readonly id: string;
  readonly name: string | null;
  readonly state: WorkflowState;
  readonly jobCount: number;
  readonly counts: WorkflowCounts;
  /** Bumped whenever some of its jobs are given another chance. */
  readonly version: number;
  readonly createdAt: Date;
  readonly cancelRequestedAt: Date | null;
  /** When the last of its jobs ended; null while some have not. */
  readonly finishedAt: Date | null;
}

export interface Dependency {
  readonly childId: string;
  readonly parentId: string;
  readonly onDependencyFailure: OnDependencyFailure;
}

/** 'other-request': the Idempotency-Key was used for another one; otherwise the workflow that it made first. */
export type WorkflowSubmission =
  | { readonly kind: 'created' }
  | { readonly kind: 'replayed'; readonly id: string }
  | { readonly kind: 'other-request' };

interface Row extends Omit<Workflow, 'state' | 'finishedAt'> {
  /** Of the jobs that have ended. */
  readonly lastEnd: Date | null;
}

/** Keys of jobs cannot have a space, so these are different ones. */
const KEY_PREFIX = 'workflow ';
/** Jobs cancelled by one statement, so that none holds its locks for long. */
const CANCEL_BATCH = 1000;
/** Of rows that somebody else is changing; what is left then, the leader goes on with. */
const CANCEL_TRIES = 50;

const LIST_WORKFLOW_JOBS = `/* list_workflow_jobs */
SELECT ${LISTED_JOB_COLUMNS} FROM jobs
WHERE workflow_id = $1::uuid AND ($2::uuid IS NULL OR id > $2::uuid) AND ($3::text[] IS NULL OR state = ANY ($3::text[]))
ORDER BY id LIMIT $4`;

@Injectable()
export class WorkflowRepository {
  constructor(private readonly prisma: PrismaService) {}

  /** Stores a workflow with all its jobs, or nothing when its key has been used. */
  async insert(workflow: NewWorkflow, key: IdempotencyKey | undefined): Promise<WorkflowSubmission> {
    const { jobs, dependencies } = workflow;
    const parents = new Map<number, number>();
    const isParent = new Set<number>();
    for (const { parent, child } of dependencies) {
      parents.set(child, (parents.get(child) ?? 0) + 1);
      isParent.add(parent);
    }
    const made = await this.prisma.query<object>(
      INSERT_WORKFLOW,
      ...newJobColumns(jobs),
      jobs.map((_, index) => parents.get(index) ?? null),
      jobs.map((_, index) => (isParent.has(index) ? true : null)),
      dependencies.map(({ parent }) => jobs[parent]?.id),
      dependencies.map(({ child }) => jobs[child]?.id),
      dependencies.map(({ onFailure }) => onFailure),
      workflow.id,
      workflow.name,
      key === undefined ? null : KEY_PREFIX + key.key,
      key?.requestHash ?? null,
    );
    if (made.length > 0) return { kind: 'created' };
    const [known] = await this.prisma.query<{ requestHash: string; jobId: string }>(FIND_IDEMPOTENCY_KEYS, [
      KEY_PREFIX + (key?.key ?? ''),
    ]);
    if (known === undefined) throw new Error('an Idempotency-Key vanished while it was looked up');
    return known.requestHash === key?.requestHash
      ? { kind: 'replayed', id: known.jobId }
      : { kind: 'other-request' };
  }

  async get(id: string): Promise<Workflow | undefined> {
    const [row] = await this.prisma.query<Row>(GET_WORKFLOW, id);
    return row === undefined ? undefined : toWorkflow(row);
  }

  /**
   * Newest first.
   * @param finished only those that are over, or only those that are not
   * @param queuePatterns operands of LIKE, one of which the queue of each job must fit; null is no limit
   */
  async list(
    before: string | undefined,
    finished: boolean | undefined,
    limit: number,
    queuePatterns: readonly string[] | null,
  ): Promise<Workflow[]> {
    const rows = await this.prisma.query<Row>(
      LIST_WORKFLOWS,
      before ?? null,
      finished ?? null,
      limit,
      queuePatterns,
    );
    return rows.map(toWorkflow);
  }

  /** Whether it has jobs in queues that none of the operands of LIKE fits. */
  async hasOtherQueues(id: string, queuePatterns: readonly string[]): Promise<boolean> {
    const [row] = await this.prisma.query<{ others: boolean }>(
      `/* has_other_queues */ SELECT ${HAS_OTHER_QUEUES('$1::uuid', '$2')} AS others`,
      id,
      queuePatterns,
    );
    return row?.others === true;
  }

  /** The jobs of a workflow, each after those that it depends on, from after a given one. */
  jobs(
    id: string,
    after: string | undefined,
    states: readonly JobState[] | undefined,
    limit: number,
  ): Promise<ListedJob[]> {
    return this.prisma.query<ListedJob>(LIST_WORKFLOW_JOBS, id, after ?? null, states ?? null, limit);
  }

  dependenciesOf(jobIds: readonly string[]): Promise<Dependency[]> {
    return this.prisma.query<Dependency>(LIST_DEPENDENCIES, jobIds);
  }

  /**
   * Cancels the unfinished jobs of a workflow; those that run are asked to end.
   * @returns the jobs that run and must be told, or 'over' when there was nothing to cancel
   */
  async cancel(id: string): Promise<{ running: string[] } | 'over'> {
    if ((await this.prisma.query<object>(REQUEST_WORKFLOW_CANCEL, id)).length === 0) return 'over';
    const running: string[] = [];
    for (let tries = 1; tries <= CANCEL_TRIES; tries += 1) {
      const rows = await this.prisma.query<{ id: string; state: JobState }>(
        CANCEL_WORKFLOW_JOBS,
        id,
        CANCEL_BATCH,
      );
      for (const { id: jobId, state } of rows) if (state === 'running') running.push(jobId);
      // Fewer than asked for: what is left is being changed by somebody, or nothing is.
      if (rows.length < CANCEL_BATCH && !(await this.#hasUncancelled(id))) break;
    }
    return { running };
  }

  /**
   * Gives the jobs that did not succeed another chance.
   * @param version of the workflow as it was looked at
   * @param attempts how many further attempts a job gets that has had some
   * @returns 'refused' when it has changed meanwhile, when something of it goes on by itself, or when jobs were deleted
   */
  async retry(
    id: string,
    version: number,
    attempts: number,
  ): Promise<{ due: number; waiting: number } | 'refused'> {
    const [retried] = await this.prisma.query<{ due: number; waiting: number }>(
      RETRY_WORKFLOW,
      id,
      version,
      attempts,
    );
    return retried ?? 'refused';
  }

  async #hasUncancelled(id: string): Promise<boolean> {
    const rows = await this.prisma.query<object>(
      `/* has_uncancelled */ SELECT 1 AS one FROM jobs
       WHERE unfinished_workflow = $1::uuid AND (state <> 'running' OR cancel_requested_at IS NULL) LIMIT 1`,
      id,
    );
    return rows.length > 0;
  }
}

function toWorkflow({ lastEnd, ...row }: Row): Workflow {
  const state = workflowState(row.counts, row.cancelRequestedAt !== null);
  return { ...row, state, finishedAt: state === 'running' || state === 'held' ? null : lastEnd };
}
