/**
 * Missed runs: due times that passed while nobody could fire them, because everything was down, the schedule was paused
 * or the database was away. A due time is missed when its grace has passed; until then it is only late, and fired.
 */
import type { NextDue } from './due-times.js';

/** `skip` fires none of them, `once` the latest, `all` each, oldest first. */
export const MISSED_RUN_POLICIES = ['skip', 'once', 'all'] as const;
export type MissedRunPolicy = (typeof MISSED_RUN_POLICIES)[number];

/** Due times that are decided on in one pass; a schedule that is further behind takes several. */
export const MAX_PER_PASS = 1000;

export interface PastDueTime {
  readonly dueAt: number;
  /**
   * `fire`: on time, or late within the grace. `catch-up`: missed, and fired all the same. `skip`: missed, and left out.
   * `skip-rest`: missed, and left out with all that are missed after it, which nobody wants to read one by one.
   */
  readonly verdict: 'fire' | 'catch-up' | 'skip' | 'skip-rest';
}

export interface PastDueTimes {
  readonly due: readonly PastDueTime[];
  /** The first due time that was not decided on; it may have passed already. Null when there are no more. */
  readonly next: number | null;
}

/**
 * Decides on the due times from `oldest` up to `now`, about MAX_PER_PASS of them.
 * @param graceMs how late a due time may be before it is missed
 */
export function decidePastDue(
  policy: MissedRunPolicy,
  graceMs: number,
  oldest: number,
  now: number,
  nextDue: NextDue,
): PastDueTimes {
  const missed = decideMissed(policy, oldest, now - graceMs, nextDue);
  const late = upTo(now, missed.next, MAX_PER_PASS - missed.due.length, nextDue);
  return { due: [...missed.due, ...verdicts('fire', late.due)], next: late.next };
}

function decideMissed(
  policy: MissedRunPolicy,
  oldest: number,
  missedBefore: number,
  nextDue: NextDue,
): PastDueTimes {
  const { due, next } = upTo(missedBefore - 1, oldest, MAX_PER_PASS, nextDue);
  const last = due.at(-1);
  if (last === undefined) return { due: [], next };
  if (policy === 'all') return { due: verdicts('catch-up', due), next };

  const before = verdicts('skip', due.slice(0, -1));
  if (next === null || next >= missedBefore) {
    return { due: [...before, { dueAt: last, verdict: policy === 'once' ? 'catch-up' : 'skip' }], next };
  }
  before.push({ dueAt: last, verdict: 'skip-rest' });
  if (policy === 'once') {
    before.push({ dueAt: latestMissed(next, missedBefore, nextDue), verdict: 'catch-up' });
  }
  return { due: before, next: nextDue(missedBefore - 1)?.at ?? null };
}

const verdicts = (verdict: PastDueTime['verdict'], due: readonly number[]): PastDueTime[] =>
  due.map((dueAt) => ({ dueAt, verdict }));

/** The due times from `first` to `last`, at most `most`, and the one after them. */
function upTo(last: number, first: number | null, most: number, nextDue: NextDue) {
  const due: number[] = [];
  let next = first;
  while (next !== null && next <= last && due.length < most) {
    due.push(next);
    next = nextDue(next)?.at ?? null;
  }
  return { due, next };
}

/** The last due time before `before`; one at `first` is known. Looks back twice as far each time, so never at many. */
function latestMissed(first: number, before: number, nextDue: NextDue): number {
  for (let backMs = 1000; ; backMs *= 2) {
    const from = Math.max(first, before - backMs);
    const latest = upTo(before - 1, nextDue(from - 1)?.at ?? null, Number.POSITIVE_INFINITY, nextDue);
    const last = latest.due.at(-1);
    if (last !== undefined) return last;
  }
}
