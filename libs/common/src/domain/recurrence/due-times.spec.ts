import { describe, expect, test } from 'vitest';
import { dueTimes, type FoldPolicy, type GapPolicy, type Recurrence } from './due-times.js';

/** The due times from `from` on: `<UTC time> <change of the clock>`. */
function list(
  recurrence: Recurrence,
  timezone: string,
  from: string,
  count: number,
  end: string | null = null,
): string[] {
  const start = Date.parse(from);
  const next = dueTimes({ recurrence, timezone, start, end: end === null ? null : Date.parse(end) });
  const found: string[] = [];
  for (let due = next(start - 1); due !== null && found.length < count; due = next(due.at)) {
    found.push(`${new Date(due.at).toISOString().slice(0, 16)} ${due.clock}`);
  }
  return found;
}

const cron = (
  expression: string,
  gap: GapPolicy | null = null,
  fold: FoldPolicy | null = null,
): Recurrence => ({
  kind: 'cron',
  expression,
  gap,
  fold,
});

describe('in Berlin, where 02:00 to 03:00 is left out on 29 March 2026 and comes twice on 25 October,', () => {
  const spring = '2026-03-28T12:00:00Z';
  const autumn = '2026-10-24T12:00:00Z';

  test('a fixed time in the gap is due at the first time after it', () => {
    expect(list(cron('30 2 * * *'), 'Europe/Berlin', spring, 2)).toEqual([
      '2026-03-29T01:00 gap',
      '2026-03-30T00:30 none',
    ]);
  });

  test('or is left out, when that is asked for', () => {
    expect(list(cron('30 2 * * *', 'skip'), 'Europe/Berlin', spring, 1)).toEqual(['2026-03-30T00:30 none']);
  });

  test('several times in one gap are due once', () => {
    expect(list(cron('0,15,30 2,3 29 3 *'), 'Europe/Berlin', spring, 3)).toEqual([
      '2026-03-29T01:00 none',
      '2026-03-29T01:15 none',
      '2026-03-29T01:30 none',
    ]);
  });

  test('a fixed time in the fold is due the first time, or the second, or both', () => {
    expect(list(cron('30 2 * * *'), 'Europe/Berlin', autumn, 2)).toEqual([
      '2026-10-25T00:30 fold-first',
      '2026-10-26T01:30 none',
    ]);
    expect(list(cron('30 2 * * *', null, 'second'), 'Europe/Berlin', autumn, 1)).toEqual([
      '2026-10-25T01:30 fold-second',
    ]);
    expect(list(cron('30 2 * * *', null, 'both'), 'Europe/Berlin', autumn, 2)).toEqual([
      '2026-10-25T00:30 fold-first',
      '2026-10-25T01:30 fold-second',
    ]);
  });

  test('an hourly schedule goes on every hour that passes, through the gap and the fold', () => {
    expect(list(cron('0 * * * *'), 'Europe/Berlin', '2026-03-29T00:00:00Z', 3)).toEqual([
      '2026-03-29T00:00 none',
      '2026-03-29T01:00 none',
      '2026-03-29T02:00 none',
    ]);
    expect(list(cron('0 * * * *'), 'Europe/Berlin', '2026-10-25T00:00:00Z', 3)).toEqual([
      '2026-10-25T00:00 fold-first',
      '2026-10-25T01:00 fold-second',
      '2026-10-25T02:00 none',
    ]);
  });

  test('an interval does not care for the clock', () => {
    const everyHalfDay = { kind: 'interval', everyMs: 12 * 3_600_000 } as const;
    expect(list(everyHalfDay, 'Europe/Berlin', spring, 3)).toEqual([
      '2026-03-28T12:00 none',
      '2026-03-29T00:00 none',
      '2026-03-29T12:00 none',
    ]);
  });
});

test('a day that a zone left out altogether is made up for at the first moment of the next', () => {
  expect(list(cron('0 12 30 * *'), 'Pacific/Apia', '2011-12-01T00:00:00Z', 2)).toEqual([
    '2011-12-30T10:00 gap',
    '2012-01-29T22:00 none',
  ]);
});

test('in Lord Howe the gap has half an hour', () => {
  expect(list(cron('15 2 * * *'), 'Australia/Lord_Howe', '2026-10-03T12:00:00Z', 1)).toEqual([
    '2026-10-03T15:30 gap',
  ]);
});

test('an interval counts from its start, however long ago that was', () => {
  const next = dueTimes({
    recurrence: { kind: 'interval', everyMs: 7000 },
    timezone: 'UTC',
    start: 1000,
    end: null,
  });
  expect(next(0)?.at).toBe(1000);
  expect(next(1000)?.at).toBe(8000);
  expect(next(7999)?.at).toBe(8000);
  expect(next(1000 + 7000 * 1e9)?.at).toBe(1000 + 7000 * (1e9 + 1));
});

test('nothing is due before the start or after the end; at the end itself it is', () => {
  expect(list(cron('0 0 * * *'), 'UTC', '2026-01-01T00:00:00Z', 9, '2026-01-03T00:00:00Z')).toEqual([
    '2026-01-01T00:00 none',
    '2026-01-02T00:00 none',
    '2026-01-03T00:00 none',
  ]);
});

test('seconds are looked at when they are given', () => {
  const next = dueTimes({ recurrence: cron('*/25 * * * * *'), timezone: 'UTC', start: 0, end: null });
  expect([next(-1)?.at, next(0)?.at, next(49_999)?.at, next(50_000)?.at]).toEqual([
    0, 25_000, 50_000, 60_000,
  ]);
});

test.each(['0 0 31 2 *', '0 0 30 2 *', '0 0 31 4,6,9,11 *'])('%s is never due, and says so', (expression) => {
  expect(list(cron(expression), 'America/New_York', '2026-01-01T00:00:00Z', 1)).toEqual([]);
});

test('29 February is found across the eight years without one', () => {
  expect(list(cron('0 0 29 2 *'), 'Europe/Berlin', '2096-03-01T00:00:00Z', 1)).toEqual([
    '2104-02-28T23:00 none',
  ]);
});

test('the last day of the month is found in every month', () => {
  expect(list(cron('0 0 L * *'), 'UTC', '2028-01-15T00:00:00Z', 3)).toEqual([
    '2028-01-31T00:00 none',
    '2028-02-29T00:00 none',
    '2028-03-31T00:00 none',
  ]);
});

test('Friday the 13th, spelled with both days, means the 13th and every Friday', () => {
  expect(list(cron('0 0 13 * FRI'), 'UTC', '2026-08-10T00:00:00Z', 3)).toEqual([
    '2026-08-13T00:00 none',
    '2026-08-14T00:00 none',
    '2026-08-21T00:00 none',
  ]);
});

test('an unknown zone is an error, not UTC', () => {
  expect(() => list(cron('0 0 * * *'), 'Europe/Atlantis', '2026-01-01T00:00:00Z', 1)).toThrow(RangeError);
});
