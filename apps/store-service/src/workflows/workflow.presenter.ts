/** What the API shows of workflows. */
import type { ListedJob } from '#common/database/job.repository.js';
import type { Dependency, Workflow } from '#common/database/workflow.repository.js';
import { isEndState, JOB_STATES, type JobState } from '#common/domain/job.js';
import { presentListedJob } from '../jobs/job.presenter.js';
import type { WorkflowJobView, WorkflowView } from './workflow.views.js';

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
