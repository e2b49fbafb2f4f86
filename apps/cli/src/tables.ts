/** Tables for people: columns set apart by spaces, so that they can also be cut by awk and pasted anywhere. */
import Table from 'cli-table3';
import type { Cluster, Job } from './answers.js';
import { attemptsOf, durationOf, exitCodeOfCommand, labelOf, STATE_STYLE, stateOf } from './describe-job.js';
import { formatMoment, oneLine, textWidth, truncate, type Paint } from './text.js';

export interface TableStyle {
  /** Lines are cut to this width, in their last column. */
  readonly columns: number;
  readonly paint: Paint;
}

const GAP = '  ';
const LONGEST_LABEL = 40;
const NARROWEST_LAST_COLUMN = 10;

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: GAP,
};

/** @param rows uncoloured cells, which `colour` may colour once their widths are known */
export function renderTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  style: TableStyle,
  colour: (cell: string, column: number, row: number) => string = (cell) => cell,
): string {
  const last = head.length - 1;
  const widthsBefore = head
    .slice(0, last)
    .map((title, column) => Math.max(textWidth(title), ...rows.map((row) => textWidth(row[column] ?? ''))));
  const before = widthsBefore.reduce((sum, width) => sum + width + GAP.length, 0);
  const lastWidth = Math.max(NARROWEST_LAST_COLUMN, style.columns - before);

  const table = new Table({
    head: head.map((title) => style.paint('bold', title)),
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const [index, row] of rows.entries()) {
    table.push(
      row.map((cell, column) => colour(column === last ? truncate(cell, lastWidth) : cell, column, index)),
    );
  }
  const lines = table.toString().split('\n');
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

const label = (job: Job) => truncate(labelOf(job), LONGEST_LABEL);

/** Colours the states of `jobs`, which stand in the second column. */
const colourStates =
  (jobs: readonly Job[], paint: Paint) =>
  (cell: string, column: number, row: number): string => {
    const state = column === 1 ? jobs[row]?.state : undefined;
    return state === undefined ? cell : paint(STATE_STYLE[state], cell);
  };

export function jobsTable(jobs: readonly Job[], style: TableStyle, now: number): string {
  return renderTable(
    ['ID', 'STATE', 'ATTEMPT', 'TYPE', 'QUEUE', 'RUN AT', 'DURATION', 'NAME'],
    jobs.map((job) => [
      job.id,
      stateOf(job),
      attemptsOf(job),
      oneLine(job.type),
      oneLine(job.queue),
      formatMoment(job.runAt),
      durationOf(job, now),
      labelOf(job),
    ]),
    style,
    colourStates(jobs, style.paint),
  );
}

/** The least about jobs: which they are, and their state. */
export function idsTable(jobs: readonly Job[], style: TableStyle): string {
  return renderTable(
    ['ID', 'STATE', 'NAME'],
    jobs.map((job) => [job.id, stateOf(job), labelOf(job)]),
    style,
    colourStates(jobs, style.paint),
  );
}

/** What became of jobs, with a line of what each of them wrote. */
export function outcomesTable(
  outcomes: readonly { readonly job: Job; readonly firstLine: string }[],
  style: TableStyle,
  now: number,
): string {
  return renderTable(
    ['NAME', 'STATE', 'ATTEMPTS', 'EXIT', 'DURATION', 'OUTPUT'],
    outcomes.map(({ job, firstLine }) => [
      label(job),
      stateOf(job),
      attemptsOf(job),
      exitCodeOfCommand(job),
      durationOf(job, now),
      firstLine,
    ]),
    style,
    colourStates(
      outcomes.map(({ job }) => job),
      style.paint,
    ),
  );
}

/** Everything about one job, a line for each fact, and a table of its attempts. */
export function jobDetails(job: Job, style: TableStyle, now: number): string {
  const facts: [string, string][] = [
    ['id', job.id],
    ['name', oneLine(job.name ?? '-')],
    ['state', style.paint(STATE_STYLE[job.state], stateOf(job))],
    ['type', oneLine(job.type)],
    ['payload', oneLine(JSON.stringify(job.payload) ?? '-')],
    ['queue', oneLine(job.queue)],
    ['priority', String(job.priority)],
    ['tags', oneLine(job.tags?.join(', ') || '-')],
    ['attempts', attemptsOf(job)],
    ['executor', oneLine(job.executor ?? '-')],
    ['created', formatMoment(job.createdAt)],
    ['run at', formatMoment(job.runAt)],
    ['expires', formatMoment(job.expiresAt ?? null)],
    ['started', formatMoment(job.startedAt)],
    ['finished', formatMoment(job.finishedAt)],
    ['duration', durationOf(job, now)],
    ['result', oneLine(JSON.stringify(job.result) ?? '-')],
    ['error', oneLine(job.error?.message ?? '-')],
  ];
  const lines = facts.map(([name, value]) => `${style.paint('bold', `${name}:`.padEnd(10))} ${value}\n`);
  return lines.join('') + attemptsTable(job.attempts ?? [], style);
}

function attemptsTable(attempts: NonNullable<Job['attempts']>, style: TableStyle): string {
  if (attempts.length === 0) return '';
  const table = renderTable(
    ['ATTEMPT', 'OUTCOME', 'EXECUTOR', 'STARTED', 'FINISHED', 'ERROR'],
    attempts.map(({ attempt, outcome, executor, startedAt, finishedAt, error }) => [
      String(attempt),
      outcome ?? '-',
      oneLine(executor ?? '-'),
      formatMoment(startedAt),
      formatMoment(finishedAt),
      oneLine(error?.message ?? ''),
    ]),
    style,
  );
  return `\n${table}`;
}

/** Who leads what, who is there, and what the executors do. */
export function clusterTables({ elections, members, executors }: Cluster, style: TableStyle): string {
  const leaders = renderTable(
    ['ELECTION', 'LEADER', 'HOST', 'PID', 'SINCE', 'EPOCH', 'CANDIDATES'],
    elections.map(({ election, leader, candidates }) => [
      election,
      leader?.id ?? 'none',
      leader?.host ?? '-',
      String(leader?.pid ?? '-'),
      formatMoment(leader?.since ?? null),
      String(leader?.epoch ?? '-'),
      String(candidates.length),
    ]),
    style,
  );
  const present = renderTable(
    ['SERVICE', 'MEMBER', 'HOST', 'PID', 'SINCE'],
    Object.entries(members).flatMap(([service, list]) =>
      list.map(({ id, host, pid, since }) => [service, id, host, String(pid), formatMoment(since)]),
    ),
    style,
  );
  const work = renderTable(
    ['EXECUTOR', 'RUNNING', 'SLOTS', 'LEASE UNTIL', 'TYPES'],
    executors.map(({ id, running, slots, leaseExpiresAt, types }) => [
      id,
      String(running),
      String(slots),
      formatMoment(leaseExpiresAt),
      types.join(', '),
    ]),
    style,
  );
  return [leaders, present, work].join('\n');
}
