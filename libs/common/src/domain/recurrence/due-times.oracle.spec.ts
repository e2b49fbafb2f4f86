/**
 * The due times of random cron expressions, over ten years, against an oracle. It is independent: it knows nothing of
 * offsets, changes of the clock, periods or searches, nor of the parser. It asks the engine what a clock on the wall shows
 * at every half hour (no zone here changes its clock in between), walks ten years minute by minute, and looks whether
 * what is shown has been shown before (a fold), will be shown again, or has jumped over something (a gap). Which minutes
 * an expression names it knows from the sets of numbers that the expression was written from.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dueTimes, type FoldPolicy, type GapPolicy } from './due-times.js';

const MINUTE_MS = 60_000;
const HALF_HOUR_MS = 30 * MINUTE_MS;
const DAY_MINUTES = 1440;
/** Some seconds of computing, on a machine that may be busy with other things. */
const WHATEVER_MACHINE = { timeout: 120_000 };
/** Cases for each zone; each looks at 5.26 million minutes. */
const RUNS = 30;
/** An expression that fires more often is compared in part, around the changes of the clock. */
const MOST_COMPARED = 4000;

interface Cron {
  readonly minutes: readonly number[];
  readonly hours: readonly number[] | '*';
  readonly daysOfMonth: readonly number[] | '*';
  readonly months: readonly number[] | '*';
  readonly daysOfWeek: readonly number[] | '*';
}

const textOf = ({ minutes, hours, daysOfMonth, months, daysOfWeek }: Cron) =>
  [minutes, hours, daysOfMonth, months, daysOfWeek].map(String).join(' ');

/** Minutes since 1970 that the wall clock of a zone shows, for every minute of UTC from `from` on. */
function wallClocks(zone: string, from: number, to: number): Int32Array {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' });
  const shown = new Int32Array((to - from) / MINUTE_MS);
  for (let slot = from; slot < to; slot += HALF_HOUR_MS) {
    const first = Date.parse(`${format.format(slot).replace(' ', 'T')}Z`) / MINUTE_MS;
    const index = (slot - from) / MINUTE_MS;
    for (let minute = 0; minute < 30; minute += 1) shown[index + minute] = first + minute;
  }
  return shown;
}

/** For each minute: 1 when its wall-clock time will come again, 2 when it has come before. */
function repetitions(shown: Int32Array): Uint8Array {
  const repeated = new Uint8Array(shown.length);
  let highest = -Infinity;
  for (const [index, minute] of shown.entries()) {
    if (minute <= highest) repeated[index] = 2;
    else highest = minute;
  }
  let lowest = Infinity;
  for (let index = shown.length - 1; index >= 0; index -= 1) {
    const minute = shown[index] ?? 0;
    if (minute >= lowest) repeated[index] = 1;
    else lowest = minute;
  }
  return repeated;
}

class Oracle {
  readonly #shown: Int32Array;
  readonly #repeated: Uint8Array;

  constructor(
    readonly zone: string,
    readonly from: number,
    readonly to: number,
  ) {
    this.#shown = wallClocks(zone, from, to);
    this.#repeated = repetitions(this.#shown);
  }

  /** Where the wall clock did not go on by a minute. */
  changes(): number[] {
    return [...this.#shown.entries()]
      .filter(([index, minute]) => index > 0 && minute !== (this.#shown[index - 1] ?? 0) + 1)
      .map(([index]) => this.from + index * MINUTE_MS);
  }

  dueTimes(cron: Cron, gap: GapPolicy, fold: FoldPolicy): number[] {
    const fits = this.#table(cron);
    const due: number[] = [];
    let before = (this.#shown[0] ?? 0) - 1;
    for (let index = 0; index < this.#shown.length; index += 1) {
      const minute = this.#shown[index] ?? 0;
      const repeated = this.#repeated[index];
      let isDue =
        fits(minute) && !(repeated === 1 && fold === 'second') && !(repeated === 2 && fold === 'first');
      if (gap === 'next-valid') {
        for (let missing = before + 1; missing < minute && !isDue; missing += 1) isDue = fits(missing);
      }
      if (isDue) due.push(this.from + index * MINUTE_MS);
      before = minute;
    }
    return due;
  }

  /** Days and times of day are looked up once; five million minutes are many. */
  #table({ minutes, hours, daysOfMonth, months, daysOfWeek }: Cron): (minute: number) => boolean {
    const has = (field: readonly number[] | '*', value: number) => field === '*' || field.includes(value);
    const firstDay = Math.floor(this.from / MINUTE_MS / DAY_MINUTES) - 2;
    const days = Array.from({ length: (this.to - this.from) / MINUTE_MS / DAY_MINUTES + 4 }, (_, index) => {
      const [month = 0, day = 0] = new Date((firstDay + index) * DAY_MINUTES * MINUTE_MS)
        .toISOString()
        .slice(5, 10)
        .split('-')
        .map(Number);
      // 1 January 1970 was a Thursday.
      const weekday = (firstDay + index + 4) % 7;
      const [ofMonth, ofWeek] = [has(daysOfMonth, day), has(daysOfWeek, weekday)];
      const either = daysOfMonth !== '*' && daysOfWeek !== '*';
      return has(months, month) && (either ? ofMonth || ofWeek : ofMonth && ofWeek);
    });
    const times = Array.from(
      { length: DAY_MINUTES },
      (_, minute) => has(hours, Math.floor(minute / 60)) && minutes.includes(minute % 60),
    );
    return (minute) =>
      times[minute % DAY_MINUTES] === true && days[Math.floor(minute / DAY_MINUTES) - firstDay] === true;
  }
}

/** Half of the hours are those in which clocks change, so that gaps and folds are met often. */
const hour = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 23 }));
const some = (value: fc.Arbitrary<number>, maxLength: number) =>
  fc.uniqueArray(value, { minLength: 1, maxLength });
const star = fc.constant('*' as const);

const cron: fc.Arbitrary<Cron> = fc.record({
  minutes: some(fc.oneof(fc.constantFrom(0, 15, 30, 45), fc.integer({ min: 0, max: 59 })), 3),
  hours: fc.oneof({ weight: 4, arbitrary: some(hour, 3) }, { weight: 1, arbitrary: star }),
  daysOfMonth: fc.oneof(star, some(fc.integer({ min: 1, max: 31 }), 3)),
  months: fc.oneof(star, some(fc.integer({ min: 1, max: 12 }), 4)),
  daysOfWeek: fc.oneof(star, some(fc.integer({ min: 0, max: 6 }), 3)),
});

const policies = fc.record({
  gap: fc.constantFrom<GapPolicy>('skip', 'next-valid'),
  fold: fc.constantFrom<FoldPolicy>('first', 'second', 'both'),
});

function between(
  zone: string,
  expression: string,
  gap: GapPolicy,
  fold: FoldPolicy,
  from: number,
  to: number,
) {
  const next = dueTimes({
    recurrence: { kind: 'cron', expression, gap, fold },
    timezone: zone,
    start: from,
    end: to - 1,
  });
  const found: number[] = [];
  for (let due = next(from - 1); due !== null; due = next(due.at)) found.push(due.at);
  return found;
}

const year = (number: number) => Date.UTC(number, 0);

describe.each([
  ['Europe/Berlin', year(2020), year(2030), 20],
  ['America/New_York', year(2020), year(2030), 20],
  // Half an hour of summer time.
  ['Australia/Lord_Howe', year(2020), year(2030), 20],
  // Changes its clock at midnight: a day begins at 01:00, another has 23:00 twice.
  ['America/Santiago', year(2020), year(2030), 20],
  // 5:45 ahead of UTC, and never changes.
  ['Asia/Kathmandu', year(2020), year(2030), 0],
  // Had no 30 December 2011 at all.
  ['Pacific/Apia', year(2007), year(2017), 14],
])('%s', (zone, from, to, count) => {
  const oracle = new Oracle(zone, from, to);
  const changes = oracle.changes();

  test(
    'has as many due times as the oracle finds, and the same ones, over ten years',
    WHATEVER_MACHINE,
    () => {
      fc.assert(
        fc.property(cron, policies, (expression, { gap, fold }) => {
          const expected = oracle.dueTimes(expression, gap, fold);
          const text = textOf(expression);
          const windows =
            expected.length <= MOST_COMPARED
              ? [[from, to] as const]
              : changes.map((at) => [at - 48 * 60 * MINUTE_MS, at + 48 * 60 * MINUTE_MS] as const);
          for (const [start, end] of windows) {
            expect(between(zone, text, gap, fold, start, end)).toEqual(
              expected.filter((at) => at >= start && at < end),
            );
          }
        }),
        { seed: 20_111_230, numRuns: RUNS },
      );
    },
  );

  test('has the clock changes that are known of it, so the comparison is not an empty one', () => {
    expect(changes).toHaveLength(count);
  });
});
