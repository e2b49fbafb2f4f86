/** Workflows as tables for people. */
import type { Workflow, WorkflowWithJobs } from './answers.js';
import { attemptsOf, durationOf, labelOf, stateOf, STATE_STYLE } from './describe-job.js';
import { renderTable, type TableStyle } from './tables.js';
import { formatMoment, oneLine, type Style } from './text.js';

const WORKFLOW_STYLE: Readonly<Record<Workflow['state'], Style>> = {
  running: 'cyan',
  held: 'yellow',
  succeeded: 'green',
  failed: 'red',
  cancelled: 'yellow',
};

export function workflowsTable(workflows: readonly Workflow[], style: TableStyle): string {
  return renderTable(
    ['ID', 'STATE', 'ENDED', 'CREATED', 'FINISHED', 'JOBS', 'NAME'],
    workflows.map(({ id, state, progress, createdAt, finishedAt, name }) => [
      id,
      state,
      `${progress.finished}/${progress.total}`,
      formatMoment(createdAt),
      formatMoment(finishedAt),
      countsText(progress),
      oneLine(name ?? ''),
    ]),
    style,
    (cell, column, row) => {
      const state = column === 1 ? workflows[row]?.state : undefined;
      return state === undefined ? cell : style.paint(WORKFLOW_STYLE[state], cell);
    },
  );
}

/** `3 succeeded, 1 dead`: the states that some job is in. */
export function countsText({ total: _total, finished: _finished, ...states }: Workflow['progress']): string {
  return Object.entries(states)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state}`)
    .join(', ');
}

/** Its jobs, each after those that it depends on, by their names. */
export function workflowJobsTable(jobs: WorkflowWithJobs['jobs'], style: TableStyle, now: number): string {
  const labels = new Map(jobs.map((job) => [job.id, labelOf(job)]));
  return renderTable(
    ['ID', 'STATE', 'ATTEMPT', 'DURATION', 'NAME', 'DEPENDS ON'],
    jobs.map((job) => [
      job.id,
      stateOf(job),
      attemptsOf(job),
      durationOf(job, now),
      labelOf(job),
      job.dependsOn.map((dependency) => labels.get(dependency.job) ?? dependency.job).join(', '),
    ]),
    style,
    (cell, column, row) => {
      const state = column === 1 ? jobs[row]?.state : undefined;
      return state === undefined ? cell : style.paint(STATE_STYLE[state], cell);
    },
  );
}
