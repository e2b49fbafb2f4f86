import { describe, expect, test } from 'vitest';
import { planFiring, type SchedulePosition } from './firing-plan.js';
import { jitterMs } from './recurrence/jitter.js';
import { MAX_PER_PASS } from './recurrence/missed-runs.js';

const MINUTE = 60_000;
const NOON = Date.parse('2026-06-01T12:00:00Z');

const everyMinute: SchedulePosition['definition'] = {
  recurrence: { kind: 'cron', expression: '* * * * *', gap: null, fold: null },
  timezone: 'UTC',
  start: null,
  end: null,
  maxCount: null,
  jitterMs: 0,
  missedRuns: 'once',
  graceMs: 90_000,
  overlap: 'allow',
};

function plan(
  changes: Partial<SchedulePosition['definition']> = {},
  position: Partial<SchedulePosition> = {},
  now = NOON,
) {
  const planned = planFiring(
    {
      name: 'report',
      definition: { ...everyMinute, ...changes },
      anchor: 0,
      nextDueAt: NOON,
      waitingDueAt: null,
      firedCount: 0,
      unfinished: false,
      ...position,
    },
    now,
  );
  const minute = (at: number | null) => (at === null ? null : (at - NOON) / MINUTE);
  return {
    rows: planned.occurrences.map(
      ({ dueAt, outcome, reason }) => `${minute(dueAt)} ${outcome}${reason === null ? '' : ` ${reason}`}`,
    ),
    next: minute(planned.nextDueAt),
    waiting: minute(planned.waitingDueAt),
    cancel: planned.cancel,
  };
}

test('what is due is fired, and the next due time is the one after it', () => {
  expect(plan()).toEqual({ rows: ['0 fired'], next: 1, waiting: null, cancel: false });
});

test('what is not due yet is left alone', () => {
  expect(plan({}, {}, NOON - 1)).toEqual({ rows: [], next: 0, waiting: null, cancel: false });
});

describe('after five minutes away, with a grace of 90 seconds,', () => {
  const away = { nextDueAt: NOON - 5 * MINUTE };

  test('once: the latest missed run is made up for, and what is within the grace is fired', () => {
    expect(plan({ missedRuns: 'once' }, away)).toMatchObject({
      rows: [
        '-5 skipped missed',
        '-4 skipped missed',
        '-3 skipped missed',
        '-2 caught-up',
        '-1 fired',
        '0 fired',
      ],
      next: 1,
    });
  });

  test('skip: none is made up for', () => {
    expect(plan({ missedRuns: 'skip' }, away).rows).toEqual([
      '-5 skipped missed',
      '-4 skipped missed',
      '-3 skipped missed',
      '-2 skipped missed',
      '-1 fired',
      '0 fired',
    ]);
  });

  test('all: every one is, oldest first', () => {
    expect(plan({ missedRuns: 'all' }, away).rows).toEqual([
      '-5 caught-up',
      '-4 caught-up',
      '-3 caught-up',
      '-2 caught-up',
      '-1 fired',
      '0 fired',
    ]);
  });

  test('a grace that covers the absence makes all of them merely late', () => {
    expect(plan({ missedRuns: 'skip', graceMs: 6 * MINUTE }, away).rows).toEqual(
      [-5, -4, -3, -2, -1, 0].map((minute) => `${minute} fired`),
    );
  });
});

describe('after a year away', () => {
  const yearAgo = { nextDueAt: NOON - 365 * 1440 * MINUTE };

  test('all: a pass makes up for at most 1,000, oldest first, and the next pass goes on from there', () => {
    const { rows, next } = plan({ missedRuns: 'all' }, yearAgo);
    expect(rows).toHaveLength(MAX_PER_PASS);
    expect(rows[0]).toBe(`${-365 * 1440} caught-up`);
    expect(next).toBe(-365 * 1440 + MAX_PER_PASS);
  });

  test.each(['skip', 'once'] as const)(
    '%s: what is left out is not listed for ever, and nothing is fired twice',
    (missedRuns) => {
      const { rows, next } = plan({ missedRuns }, yearAgo);
      const from = -365 * 1440;
      expect(rows.slice(0, 2)).toEqual([`${from} skipped missed`, `${from + 1} skipped missed`]);
      expect(rows[MAX_PER_PASS - 1]).toBe(`${from + MAX_PER_PASS - 1} skipped missed-rest`);
      const rest = rows.findIndex((row) => row.endsWith('missed-rest'));
      expect(rest).toBe(MAX_PER_PASS - 1);
      // Noon and the minute before are within the grace; they are fired in the next pass if this one is full.
      expect(rows.slice(rest + 1, rest + 2)).toEqual(missedRuns === 'once' ? ['-2 caught-up'] : []);
      expect(next).toBe(-1);
    },
  );
});

describe('while a job of the schedule has not finished,', () => {
  test('allow fires another', () => {
    expect(plan({ overlap: 'allow' }, { unfinished: true }).rows).toEqual(['0 fired']);
  });

  test('skip leaves the due time out, and a second one in the same pass too', () => {
    expect(plan({ overlap: 'skip' }, { unfinished: true }).rows).toEqual(['0 skipped overlap']);
    expect(plan({ overlap: 'skip' }, { nextDueAt: NOON - MINUTE }).rows).toEqual([
      '-1 fired',
      '0 skipped overlap',
    ]);
  });

  test('queue-one lets one due time wait and leaves out the next', () => {
    expect(plan({ overlap: 'queue-one' }, { unfinished: true, nextDueAt: NOON - MINUTE })).toEqual({
      rows: ['0 skipped overlap'],
      next: 1,
      waiting: -1,
      cancel: false,
    });
  });

  test('cancel-running cancels it and fires', () => {
    expect(plan({ overlap: 'cancel-running' }, { unfinished: true })).toMatchObject({
      rows: ['0 fired'],
      cancel: true,
    });
  });
});

test('what waited is fired when the job has finished, even between two due times', () => {
  expect(plan({ overlap: 'queue-one' }, { waitingDueAt: NOON - MINUTE }, NOON - 1)).toEqual({
    rows: ['-1 fired waited'],
    next: 0,
    waiting: null,
    cancel: false,
  });
});

test('with cancel-running, of several due times only the newest is fired', () => {
  expect(plan({ overlap: 'cancel-running' }, { nextDueAt: NOON - MINUTE })).toMatchObject({
    rows: ['-1 skipped superseded', '0 fired'],
    cancel: false,
  });
});

test('after the last of a maximum count there is no next due time', () => {
  expect(plan({ maxCount: 3 }, { firedCount: 2 })).toMatchObject({ rows: ['0 fired'], next: null });
  expect(plan({ maxCount: 3 }, { firedCount: 1 })).toMatchObject({ rows: ['0 fired'], next: 1 });
  expect(plan({ maxCount: 2, graceMs: 6 * MINUTE }, { nextDueAt: NOON - 5 * MINUTE })).toMatchObject({
    rows: ['-5 fired', '-4 fired'],
    next: null,
  });
});

test('a due time that waits counts towards the maximum', () => {
  expect(plan({ maxCount: 2, overlap: 'queue-one' }, { firedCount: 1, unfinished: true })).toMatchObject({
    rows: [],
    next: null,
    waiting: 0,
  });
  expect(
    plan({ maxCount: 2, overlap: 'queue-one' }, { firedCount: 1, waitingDueAt: NOON, nextDueAt: null }),
  ).toMatchObject({ rows: ['0 fired waited'], next: null, waiting: null });
});

test('jitter delays the job by a part of its range that is always the same for one due time', () => {
  const [occurrence] = planFiring(
    {
      name: 'report',
      definition: { ...everyMinute, jitterMs: 30_000 },
      anchor: 0,
      nextDueAt: NOON,
      waitingDueAt: null,
      firedCount: 0,
      unfinished: false,
    },
    NOON,
  ).occurrences;
  expect(occurrence?.runAt).toBe(NOON + jitterMs('report', NOON, 30_000));
});

test('jitter spreads schedules and due times evenly', () => {
  const buckets = Array.from({ length: 10 }, () => 0);
  for (let n = 0; n < 10_000; n += 1) {
    const delay = jitterMs(`schedule-${n % 100}`, NOON + Math.floor(n / 100) * MINUTE, 999);
    buckets[Math.floor(delay / 100)] = (buckets[Math.floor(delay / 100)] ?? 0) + 1;
  }
  expect(Math.min(...buckets)).toBeGreaterThan(850);
  expect(Math.max(...buckets)).toBeLessThan(1150);
  expect(jitterMs('any', NOON, 0)).toBe(0);
});
