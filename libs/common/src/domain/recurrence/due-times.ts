/**
 * The due times of a recurrence, as instants. This is where wall-clock time meets the changes of a zone's clock:
 *
 * - A *gap* is wall-clock time that never was, because the clock was put forward (or a whole day was left out). What is
 *   due in it is left out (`skip`), or due once at the first instant after it (`next-valid`).
 * - A *fold* is wall-clock time that came twice, because the clock was put back. What is due in it is due the `first`
 *   time, the `second` time, or `both` times.
 *
 * A zone's time is a row of periods with one offset each. In a period wall-clock time runs evenly, so the search walks
 * from period to period and looks, in each, for wall-clock times that fit; gaps and folds are at the seams.
 */
import { parseCron, type CronExpression } from './cron-expression.js';
import { nextMatch } from './cron-matching.js';
import { zoneOf, type Zone } from './zone.js';

export const GAP_POLICIES = ['skip', 'next-valid'] as const;
export type GapPolicy = (typeof GAP_POLICIES)[number];

export const FOLD_POLICIES = ['first', 'second', 'both'] as const;
export type FoldPolicy = (typeof FOLD_POLICIES)[number];

export type Recurrence =
  | {
      readonly kind: 'cron';
      readonly expression: string;
      /** Null is the default: `next-valid` for a time of day, `skip` where the hour is a wildcard. */
      readonly gap: GapPolicy | null;
      /** Null is the default: `first` for a time of day, `both` where the hour is a wildcard. */
      readonly fold: FoldPolicy | null;
    }
  /** So many milliseconds after each other, whatever the clocks show, counted from `start`. */
  | { readonly kind: 'interval'; readonly everyMs: number };

/** What the zone's clock did at a due time; `gap`: the time asked for did not exist, and this is the next that did. */
export type ClockChange = 'none' | 'gap' | 'fold-first' | 'fold-second';

export interface DueTime {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly clock: ClockChange;
  /** The wall-clock time that was asked for, as milliseconds of a clock in UTC. It differs from what is shown at `at` only after a gap. */
  readonly wallClock: number;
}

/** When something is due: a recurrence in a zone, between two times. */
export interface Timetable {
  readonly recurrence: Recurrence;
  /** An IANA name. */
  readonly timezone: string;
  /** Nothing is due before it, and intervals count from it. Milliseconds. */
  readonly start: number;
  /** Nothing is due after it. */
  readonly end: number | null;
}

/** JavaScript's and Postgres' dates go on, but four digits of a year are all that ISO 8601 promises to everybody. */
const END_OF_TIME = Date.UTC(10_000, 0);

/** No wall clock is farther from UTC than this, before and after any change. */
const FARTHEST_MS = 2 * 86_400_000;

/** Gives the first due time after an instant, or null when there is none. */
export type NextDue = (after: number) => DueTime | null;

/**
 * @returns a function for one timetable; it may be called as often as wanted
 * @throws CronSyntaxError, or RangeError for an unknown zone
 */
export function dueTimes({ recurrence, timezone, start, end }: Timetable): NextDue {
  const zone = zoneOf(timezone);
  const next =
    recurrence.kind === 'interval'
      ? everySoOften(recurrence.everyMs, start, zone)
      : cronTimes(recurrence, zone);
  const last = Math.min(end ?? END_OF_TIME, END_OF_TIME - 1);
  return (after) => {
    if (after >= last) return null;
    const due = next(Math.max(after, start - 1));
    return due === null || due.at > last ? null : due;
  };
}

function everySoOften(everyMs: number, start: number, zone: Zone): NextDue {
  return (after) => {
    const at = start + Math.floor((after - start) / everyMs + 1) * everyMs;
    return { at, clock: foldAt(zone, at), wallClock: at + zone.periodAt(at).offset };
  };
}

function cronTimes({ expression, gap, fold }: Recurrence & { kind: 'cron' }, zone: Zone): NextDue {
  const cron = parseCron(expression);
  const gapPolicy = gap ?? defaultGap(cron);
  const foldPolicy = fold ?? defaultFold(cron);
  return (after) => nextCronTime(cron, zone, gapPolicy, foldPolicy, after);
}

/** A time of day is meant to come once a day, whatever the clock does; a rhythm is meant to follow the time that passes. */
export function defaultGap(cron: CronExpression): GapPolicy {
  return cron.wildcardHour ? 'skip' : 'next-valid';
}

export function defaultFold(cron: CronExpression): FoldPolicy {
  return cron.wildcardHour ? 'both' : 'first';
}

function nextCronTime(
  cron: CronExpression,
  zone: Zone,
  gap: GapPolicy,
  fold: FoldPolicy,
  after: number,
): DueTime | null {
  let from = after + 1;
  while (from < END_OF_TIME) {
    const period = zone.periodAt(from);
    const { start, end, offset, offsetBefore } = period;
    if (from === start && gap === 'next-valid' && offsetBefore < offset) {
      const skipped = nextMatch(cron, start + offsetBefore);
      if (skipped !== null && skipped < start + offset) {
        // The first wall-clock time after the gap may be asked for itself; then nothing was moved.
        const exact = nextMatch(cron, start + offset) === start + offset;
        return exact
          ? { at: start, clock: 'none', wallClock: start + offset }
          : { at: start, clock: 'gap', wallClock: skipped };
      }
    }
    let wallClock = nextMatch(cron, from + offset);
    while (wallClock !== null && wallClock < end + offset) {
      const at = wallClock - offset;
      const clock = foldAt(zone, at);
      if (isWanted(clock, fold)) return { at, clock, wallClock };
      wallClock = nextMatch(cron, wallClock + 1);
    }
    // No zone makes a date possible that the calendar does not have.
    if (wallClock === null) return null;
    // Nothing fits until then, so no gap or fold on the way matters. (Not from within a period: the fold at its end may go
    // back behind the place where the search began.)
    from = from === start ? Math.max(end, wallClock - FARTHEST_MS) : end;
  }
  return null;
}

/** Whether the wall-clock time at this instant comes, or came, another time. */
function foldAt(zone: Zone, at: number): ClockChange {
  const { start, end, offset, offsetBefore, offsetAfter } = zone.periodAt(at);
  if (at < start + offsetBefore - offset) return 'fold-second';
  if (at >= end + offsetAfter - offset) return 'fold-first';
  return 'none';
}

function isWanted(clock: ClockChange, fold: FoldPolicy): boolean {
  switch (clock) {
    case 'fold-first':
      return fold !== 'second';
    case 'fold-second':
      return fold !== 'first';
    case 'none':
    case 'gap':
      return true;
    default:
      throw new Error(`unknown change of the clock ${String(clock satisfies never)}`);
  }
}
