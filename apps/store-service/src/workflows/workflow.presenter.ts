/** Workflows as the API shows them. */
import type { ListedJob } from '#common/database/job.repository.js';
import type { Dependency, Workflow } from '#common/database/workflow.repository.js';
import { isEndState, JOB_STATES, type JobState } from '#common/domain/job.js';
import type { OnDependencyFailure, WorkflowState } from '#common/domain/workflow.js';
import { presentListedJob, type ListedJobView } from '../jobs/job.presenter.js';

/** How many jobs there are, how many have ended, and how many are in each state. */
export type ProgressView = Readonly<Record<'total' | 'finished' | 'held' | JobState, number>>;

export interface WorkflowView {
  readonly id: string;
  readonly name: string | null;
  readonly state: WorkflowState;
  readonly progress: ProgressView;
  readonly createdAt: string;
  readonly cancelRequestedAt: string | null;
  /** When the last of its jobs ended; null while some have not. */
  readonly finishedAt: string | null;
}

export interface WorkflowJobView extends ListedJobView {
  readonly dependsOn: readonly {
    /** Id of the other job. */
    readonly job: string;
    readonly onDependencyFailure: OnDependencyFailure;
  }[];
}

export function presentWorkflow(workflow: Workflow): WorkflowView {
  const { counts } = workflow;
  const ended = JOB_STATES.filter(isEndState).reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  const byState = Object.fromEntries(
    [...JOB_STATES, 'held' as const].map((state) => [state, counts[state] ?? 0]),
  ) as Record<JobState | 'held', number>;
  return {
    id: workflow.id,
    name: workflow.name,
    state: workflow.state,
    progress: { total: workflow.jobCount, finished: ended, ...byState },
    createdAt: workflow.createdAt.toISOString(),
    cancelRequestedAt: workflow.cancelRequestedAt?.toISOString() ?? null,
    finishedAt: workflow.finishedAt?.toISOString() ?? null,
  };
}

export function presentWorkflowJobs(
  jobs: readonly ListedJob[],
  dependencies: readonly Dependency[],
): WorkflowJobView[] {
  const byChild = new Map<string, Dependency[]>();
  for (const dependency of dependencies) {
    const others = byChild.get(dependency.childId);
    if (others === undefined) byChild.set(dependency.childId, [dependency]);
    else others.push(dependency);
  }
  return jobs.map((job) => ({
    ...presentListedJob(job),
    dependsOn: (byChild.get(job.id) ?? []).map(({ parentId, onDependencyFailure }) => ({
      job: parentId,
      onDependencyFailure,
    })),
  }));
}
