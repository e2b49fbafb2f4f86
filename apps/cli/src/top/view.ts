/** What a snapshot looks like on a screen: a pure function of it, of the size of the screen and of the time. */
import { durationOf, labelOf } from '../describe-job.js';
import { renderTable, type TableStyle } from '../tables.js';
import { formatMoment, oneLine } from '../text.js';
import type { Rates } from './rates.js';
import type { Snapshot } from './snapshot.js';

/** @param rows the screen's; without end where all of it is to be shown */
export function topLines(snapshot: Snapshot, style: TableStyle, rows: number, now: number): string[] {
  const { executors, queues, running } = snapshot;
  const head = headLines(snapshot, style);
  // Each table has a line above it and a head of its own.
  const left = rows - head.length - 3 * 2;
  // Running jobs are the many; the others get what they need of two thirds.
  const ofOthers = Math.max(2, Math.floor((left * 2) / 3));
  const shownQueues = queues.slice(0, Math.max(1, ofOthers - Math.min(executors.length, ofOthers / 2)));
  const shownExecutors = executors.slice(0, Math.max(1, ofOthers - shownQueues.length));
  const shownJobs = running.slice(0, Math.max(0, left - shownQueues.length - shownExecutors.length));
  const tables = [
    queuesTable(shownQueues, style),
    executorsTable(shownExecutors, style),
    runningTable(shownJobs, style, now),
  ];
  return [...head, ...tables.flatMap((table) => ['', ...table.trimEnd().split('\n')])].slice(0, rows);
}

function headLines(
  { at, store, members, elections, executors, rates, running }: Snapshot,
  style: TableStyle,
) {
  const slots = executors.reduce((sum, executor) => sum + executor.slots, 0);
  const busy = executors.reduce((sum, executor) => sum + executor.running, 0);
  const services = Object.entries(members).map(([service, list]) => `${list.length} ${service}`);
  const leaders = elections.map(({ election, leader }) =>
    leader === null
      ? style.paint('red', `${election}: nobody`)
      : `${election}: ${oneLine(leader.id)} (epoch ${leader.epoch ?? '-'})`,
  );
  return [
    `${style.paint('bold', 'triumvir top')}  ${formatMoment(at)}  ${store}`,
    `${services.join(', ')}; ${busy} of ${slots} slots busy, ${running.length} jobs shown as running`,
    `leaders  ${leaders.join('   ') || style.paint('red', 'none')}`,
    `a second  ${rates === null ? 'unknown: events cannot be heard' : rateText(rates)}`,
  ];
}

const rateText = ({ started, succeeded, failed }: Rates): string =>
  `${perSecond(started)} started, ${perSecond(succeeded)} succeeded, ${perSecond(failed)} dead`;

const perSecond = (rate: number | undefined): string =>
  rate === undefined ? '-' : rate < 100 ? rate.toFixed(1) : String(Math.round(rate));

function queuesTable(queues: Snapshot['queues'], style: TableStyle): string {
  return renderTable(
    ['QUEUE', 'STATE', 'SCHEDULED', 'QUEUED', 'RUNNING', 'DEAD', 'START/S', 'DONE/S', 'DEAD/S'],
    queues.map(({ name, state, counts, countedTo, rates }) => [
      oneLine(name),
      state,
      ...[counts.scheduled, counts.queued, counts.running, counts.dead].map((count) =>
        count < countedTo ? String(count) : `${countedTo}+`,
      ),
      perSecond(rates?.started),
      perSecond(rates?.succeeded),
      perSecond(rates?.failed),
    ]),
    style,
    (cell, column, row) =>
      column === 1 && queues[row]?.state === 'paused' ? style.paint('yellow', cell) : cell,
  );
}

const BAR_COLUMNS = 16;

function executorsTable(executors: Snapshot['executors'], style: TableStyle): string {
  return renderTable(
    ['EXECUTOR', 'BUSY', 'SLOTS', 'LEASE UNTIL', 'TYPES'],
    executors.map(({ id, running, slots, leaseExpiresAt, types }) => [
      oneLine(id),
      `${bar(running, slots)} ${running}`,
      String(slots),
      formatMoment(leaseExpiresAt),
      oneLine(types.join(', ')),
    ]),
    style,
  );
}

function bar(running: number, slots: number): string {
  const full = slots === 0 ? 0 : Math.min(BAR_COLUMNS, Math.round((BAR_COLUMNS * running) / slots));
  return '█'.repeat(full) + '░'.repeat(BAR_COLUMNS - full);
}

function runningTable(jobs: Snapshot['running'], style: TableStyle, now: number): string {
  return renderTable(
    ['RUNNING JOB', 'TYPE', 'QUEUE', 'EXECUTOR', 'FOR', 'NAME'],
    jobs.map((job) => [
      job.id,
      oneLine(job.type),
      oneLine(job.queue),
      oneLine(job.executor ?? '-'),
      durationOf(job, now),
      labelOf(job),
    ]),
    style,
  );
}
