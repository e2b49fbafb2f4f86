/** From names to edges: which jobs of a workflow depend on which, in an order in which they can run. */
import { WORKFLOW_SIZE, type NewDependency, type OnDependencyFailure } from '#common/domain/workflow.js';
import { orderJobs } from '#common/domain/workflow-graph.js';
import type { FieldProblem } from '../http/problem.js';
import type { WorkflowJob } from './workflow.schemas.js';

type Named = Pick<WorkflowJob, 'name' | 'dependsOn' | 'onDependencyFailure'>;

export type Resolved =
  | {
      readonly kind: 'resolved';
      /** Places in the list that was given, each after those that it depends on. */
      readonly order: readonly number[];
      /** These name jobs by their place in `order`. */
      readonly dependencies: readonly NewDependency[];
    }
  | { readonly kind: 'faulty'; readonly errors: readonly FieldProblem[] };

/** A cycle is told with so many of its jobs. */
const MAX_TOLD = 20;

/** @param defaultPolicy for jobs and dependencies that have none of their own */
export function resolveDependencies(jobs: readonly Named[], defaultPolicy: OnDependencyFailure): Resolved {
  const errors: FieldProblem[] = [];
  const places = new Map<string, number>();
  for (const [index, { name }] of jobs.entries()) {
    if (name == null) continue;
    const first = places.get(name);
    if (first === undefined) places.set(name, index);
    else errors.push({ field: `jobs.${index}.name`, message: `is the name of jobs.${first} already` });
  }
  const edges: NewDependency[] = [];
  for (const [child, job] of jobs.entries()) {
    const named = new Set<string>();
    for (const [index, dependency] of job.dependsOn.entries()) {
      const { job: name, onDependencyFailure } =
        typeof dependency === 'string' ? { job: dependency, onDependencyFailure: undefined } : dependency;
      const parent = places.get(name);
      const fault = (message: string) => errors.push({ field: `jobs.${child}.dependsOn.${index}`, message });
      if (parent === undefined) fault(`no job of this workflow is named ${quoted(name)}`);
      else if (named.has(name)) fault(`names ${quoted(name)} a second time`);
      else {
        const onFailure = onDependencyFailure ?? job.onDependencyFailure ?? defaultPolicy;
        edges.push({ parent, child, onFailure });
      }
      named.add(name);
    }
  }
  if (edges.length > WORKFLOW_SIZE.dependencies) {
    const message = `have ${edges.length} dependencies together; ${WORKFLOW_SIZE.dependencies} are allowed`;
    errors.push({ field: 'jobs', message });
  }
  if (errors.length > 0) return { kind: 'faulty', errors };

  const found = orderJobs(jobs.length, edges);
  if (found.kind === 'cycle') return { kind: 'faulty', errors: [cycleFault(jobs, found.cycle)] };
  const rank = new Map(found.order.map((place, index) => [place, index]));
  const rankOf = (place: number) => rank.get(place) ?? 0;
  return {
    kind: 'resolved',
    order: found.order,
    dependencies: edges.map(({ parent, child, onFailure }) => ({
      parent: rankOf(parent),
      child: rankOf(child),
      onFailure,
    })),
  };
}

function cycleFault(jobs: readonly Named[], cycle: readonly number[]): FieldProblem {
  const [first = 0] = cycle;
  const names = cycle.slice(0, MAX_TOLD).map((place) => quoted(jobs[place]?.name ?? ''));
  const rest = cycle.length > MAX_TOLD ? [`… (${cycle.length} jobs)`] : [];
  const path = [...names, ...rest, quoted(jobs[first]?.name ?? '')].join(' waits for ');
  return { field: `jobs.${first}.dependsOn`, message: `makes a cycle: ${path}` };
}

function quoted(name: string): string {
  return JSON.stringify(name);
}
