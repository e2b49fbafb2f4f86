/**
 * What is to be done about one schedule now: which due times are fired, which are left out and why, what is cancelled,
 * and when it is due next. A pure function of the schedule and the time, so that every rule can be tested without a
 * clock or a database; the repository then carries the plan out, or none of it.
 */
import { dueTimes } from './recurrence/due-times.js';
import { jitterMs } from './recurrence/jitter.js';
import { decidePastDue } from './recurrence/missed-runs.js';
import { decideOverlap } from './recurrence/overlap.js';
import { timetableOf, type ScheduleDefinition } from './schedule.js';

/** How a due time ended. Missing from a skipped one: its job. */
export const OUTCOMES = ['fired', 'caught-up', 'skipped'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/**
 * Why a due time was skipped: `missed`, its grace had passed; `missed-rest`, so had that of all that follow up to the
 * next row; `overlap`, a job of the schedule had not finished; `superseded`, a newer due time was fired with it.
 * Or a remark on a fired one: `waited` for a job to finish; `manual`, a person ran it.
 */
export type Reason = 'missed' | 'missed-rest' | 'overlap' | 'superseded' | 'waited' | 'manual';

export interface PlannedOccurrence {
  readonly dueAt: number;
  readonly outcome: Outcome;
  readonly reason: Reason | null;
  /** When its job is due: the due time and the jitter. */
  readonly runAt: number;
}

/** As far as a schedule matters for its firing. */
export interface SchedulePosition {
  readonly name: string;
  readonly definition: Omit<ScheduleDefinition, 'job'>;
  /** What intervals without a start count from. */
  readonly anchor: number;
  readonly nextDueAt: number | null;
  /** The due time that waits for a job to finish. */
  readonly waitingDueAt: number | null;
  /** Due times that made a job. */
  readonly firedCount: number;
  /** Whether one of those jobs has not finished. */
  readonly unfinished: boolean;
}

export interface FiringPlan {
  readonly occurrences: readonly PlannedOccurrence[];
  readonly nextDueAt: number | null;
  readonly waitingDueAt: number | null;
  /** Whether the unfinished jobs of the schedule are to be cancelled. */
  readonly cancel: boolean;
}

export function planFiring(schedule: SchedulePosition, now: number): FiringPlan {
  const { name, definition, anchor, nextDueAt, firedCount } = schedule;
  const { missedRuns, graceMs, overlap, maxCount, jitterMs: maxJitterMs } = definition;
  const occurrences: PlannedOccurrence[] = [];
  let { waitingDueAt, unfinished } = schedule;
  let left = maxCount === null ? Number.POSITIVE_INFINITY : maxCount - firedCount;
  let cancel = false;

  const record = (dueAt: number, outcome: Outcome, reason: Reason | null) =>
    occurrences.push({ dueAt, outcome, reason, runAt: dueAt + jitterMs(name, dueAt, maxJitterMs) });

  if (waitingDueAt !== null && !unfinished) {
    record(waitingDueAt, 'fired', 'waited');
    waitingDueAt = null;
    unfinished = true;
    left -= 1;
  }
  if (waitingDueAt !== null) left -= 1;
  if (nextDueAt === null || nextDueAt > now) {
    return { occurrences, nextDueAt: left > 0 ? nextDueAt : null, waitingDueAt, cancel };
  }

  const next = dueTimes(timetableOf(definition, anchor));
  const past = decidePastDue(missedRuns, graceMs, nextDueAt, now, next);
  const newest = past.due.findLastIndex(({ verdict }) => verdict === 'fire' || verdict === 'catch-up');
  for (const [index, { dueAt, verdict }] of past.due.entries()) {
    if (left <= 0) break;
    if (verdict === 'skip' || verdict === 'skip-rest') {
      record(dueAt, 'skipped', verdict === 'skip' ? 'missed' : 'missed-rest');
      continue;
    }
    if (overlap === 'cancel-running' && index < newest) {
      // It would be cancelled by the newer one before it could start.
      record(dueAt, 'skipped', 'superseded');
      continue;
    }
    const decision = decideOverlap(overlap, unfinished, waitingDueAt !== null);
    switch (decision) {
      case 'skip':
        record(dueAt, 'skipped', 'overlap');
        break;
      case 'wait':
        waitingDueAt = dueAt;
        left -= 1;
        break;
      case 'cancel-and-fire':
      case 'fire':
        cancel ||= decision === 'cancel-and-fire';
        record(dueAt, verdict === 'catch-up' ? 'caught-up' : 'fired', null);
        unfinished = true;
        left -= 1;
        break;
      default:
        throw new Error(`unknown decision ${String(decision satisfies never)}`);
    }
  }
  return { occurrences, nextDueAt: left > 0 ? past.next : null, waitingDueAt, cancel };
}
