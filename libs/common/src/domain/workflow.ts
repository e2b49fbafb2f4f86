/** What a workflow is: jobs that are created together, some of which wait for others. */
import type { JobState, Json, NewJob } from './job.js';

/**
 * What becomes of a job when one that it depends on ends without success: `cancel` cancels it, `run` runs it all the same,
 * `hold` blocks it until the other one succeeds after all, or a person releases it.
 */
export const ON_DEPENDENCY_FAILURE = ['cancel', 'run', 'hold'] as const;
export type OnDependencyFailure = (typeof ON_DEPENDENCY_FAILURE)[number];
export const DEFAULT_ON_DEPENDENCY_FAILURE: OnDependencyFailure = 'cancel';

export const WORKFLOW_SIZE = { jobs: 10_000, dependencies: 100_000 } as const;

/** A workflow's job depends on another one; both are named by their place in the list of its jobs. */
export interface NewDependency {
  readonly parent: number;
  readonly child: number;
  readonly onFailure: OnDependencyFailure;
}

export interface NewWorkflow {
  readonly id: string;
  readonly name: string | null;
  /** Every job comes after those that it depends on. */
  readonly jobs: readonly NewJob[];
  readonly dependencies: readonly NewDependency[];
}

/** Why a job was cancelled or is held: the name of its error. */
export const DEPENDENCY_FAILED = 'DependencyFailed';

/** How many jobs of a workflow are in which state; `held` are those that are blocked until a person has looked. */
export type WorkflowCounts = Readonly<Partial<Record<JobState | 'held', number>>>;

export const WORKFLOW_STATES = ['running', 'held', 'succeeded', 'failed', 'cancelled'] as const;
/**
 * running: something goes on by itself. held: nothing does, because jobs wait for a person. succeeded: all jobs have.
 * cancelled: somebody asked for it, or cancelled one of its jobs, and none failed by itself. failed: a job is dead or expired.
 */
export type WorkflowState = (typeof WORKFLOW_STATES)[number];

export function workflowState(counts: WorkflowCounts, cancelRequested: boolean): WorkflowState {
  const count = (...states: (JobState | 'held')[]) =>
    states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  if (count('scheduled', 'queued', 'running') > 0) return 'running';
  if (count('held') > 0) return 'held';
  // Those that wait are about to be told of the ends they wait for.
  if (count('blocked') > 0) return 'running';
  if (count('dead', 'cancelled', 'expired') === 0) return 'succeeded';
  return cancelRequested || count('dead', 'expired') === 0 ? 'cancelled' : 'failed';
}

/** A job that another one depends on, as that one sees it. */
export interface Parent {
  readonly id: string;
  readonly name: string | null;
  readonly state: JobState;
  readonly onDependencyFailure: OnDependencyFailure;
  readonly result: Json;
  /** The result is null only because the results of all parents together are too large; GET of the job has it. */
  readonly omitted: boolean;
}
