/** Schedules, their ledger, previews and changes, as tables for people. */
import type { Applied, OccurrencePage, Preview, Schedule } from './answers.js';
import { renderTable, type TableStyle } from './tables.js';
import { formatDuration, formatMoment, oneLine, type Paint } from './text.js';

export function schedulesTable(schedules: readonly Schedule[], style: TableStyle): string {
  return renderTable(
    ['NAME', 'STATE', 'WHEN', 'ZONE', 'NEXT', 'FIRED', 'TYPE'],
    schedules.map(({ name, state, definition, nextDueAt, firedCount }) => [
      oneLine(name),
      state,
      whenOf(definition),
      oneLine(definition.timezone),
      formatMoment(nextDueAt),
      String(firedCount),
      oneLine(definition.job.type),
    ]),
    style,
  );
}

function whenOf({ cron, every }: Schedule['definition']): string {
  if (typeof cron === 'string') return oneLine(cron);
  return typeof every === 'number' ? `every ${formatDuration(every)}` : '-';
}

export function occurrencesTable({ occurrences }: OccurrencePage, style: TableStyle): string {
  return renderTable(
    ['DUE', 'OUTCOME', 'LATE', 'JOB', 'REASON'],
    occurrences.map(({ dueAt, outcome, lateness, jobId, reason }) => [
      formatMoment(dueAt),
      outcome,
      formatDuration(lateness),
      jobId ?? '-',
      reason ?? '',
    ]),
    style,
  );
}

const CLOCK_REMARKS: Readonly<Record<string, (wallClock: string) => string>> = {
  none: () => '',
  gap: (wallClock) => `gap: ${wallClock.slice(0, 19)} does not exist`,
  'fold-first': () => 'fold: comes twice, the first time',
  'fold-second': () => 'fold: comes twice, the second time',
};

export function previewTable({ dueTimes, timezone }: Preview, style: TableStyle): string {
  return renderTable(
    ['UTC', oneLine(timezone), 'CLOCK CHANGE'],
    dueTimes.map(({ utc, local, clock, wallClock }) => [
      formatMoment(utc),
      // The milliseconds are always zero for cron, and of no use to a reader otherwise.
      oneLine(local.replace(/\.\d{3}/, '')),
      CLOCK_REMARKS[clock]?.(wallClock) ?? oneLine(clock),
    ]),
    style,
  );
}

const MARK = { created: '+', updated: '~', unchanged: '=' } as const;
const COLOUR = { created: 'green', updated: 'yellow', unchanged: 'dim' } as const;

/** What applying a definition does to a schedule: a line for it, and one for each field that changes. */
export function changesText(name: string, { applied, changes }: Applied, paint: Paint): string {
  const head = paint(COLOUR[applied], `${MARK[applied]} ${oneLine(name)} ${applied}`);
  const lines = changes
    .filter(({ after, before }) => applied !== 'created' || (after !== null && before === null))
    .map(({ field, before, after }) =>
      applied === 'created'
        ? `    ${field}: ${json(after)}`
        : `    ${field}: ${json(before)} → ${json(after)}`,
    );
  return [head, ...lines].map((line) => `${line}\n`).join('');
}

const json = (value: unknown) => oneLine(JSON.stringify(value) ?? '-');
