/** What a schedule is: when something is due, what is done about late and overlapping runs, and the job to make. */
import type { Json, OnLost } from './job.js';
import type { Recurrence, Timetable } from './recurrence/due-times.js';
import type { MissedRunPolicy } from './recurrence/missed-runs.js';
import type { OverlapPolicy } from './recurrence/overlap.js';
import type { RetryPolicy } from './retry-policy.js';

/** What the jobs of a schedule have in common; a job's defaults are filled in. */
export interface JobTemplate {
  readonly type: string;
  readonly payload: Json;
  /** Null: the jobs are called after the schedule. */
  readonly name: string | null;
  readonly queue: string;
  readonly priority: number;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy | null;
  readonly onLost: OnLost;
  readonly concurrencyKey: string | null;
  readonly fairnessKey: string | null;
  /** How long after it is due a job that has not started expires, in milliseconds; absent: never. */
  readonly expiresInMs?: number;
  readonly tags?: readonly string[];
}

/** All that a person says about a schedule, kept as JSON. Two that are equal mean the same. */
export interface ScheduleDefinition {
  readonly recurrence: Recurrence;
  /** An IANA name. */
  readonly timezone: string;
  /** Nothing is due before it; intervals count from it. ISO 8601 in UTC. Null: from the creation on. */
  readonly start: string | null;
  /** Nothing is due after it. */
  readonly end: string | null;
  /** How many due times make a job before the schedule is finished. */
  readonly maxCount: number | null;
  /** Each run is later than its due time by up to this. */
  readonly jitterMs: number;
  readonly missedRuns: MissedRunPolicy;
  /** How late a due time may be fired before it counts as missed. */
  readonly graceMs: number;
  readonly overlap: OverlapPolicy;
  readonly job: JobTemplate;
}

/** Long enough for a fail-over or a restart, short enough that nobody is surprised by a run that late. */
export const DEFAULT_GRACE_MS = 60_000;
export const DEFAULT_TIMEZONE = 'UTC';

/** @param anchor what intervals count from where there is no start, in milliseconds */
export function timetableOf(
  definition: Pick<ScheduleDefinition, 'recurrence' | 'timezone' | 'start' | 'end'>,
  anchor: number,
): Timetable {
  const { recurrence, timezone, start, end } = definition;
  return {
    recurrence,
    timezone,
    start: start === null ? anchor : Date.parse(start),
    end: end === null ? null : Date.parse(end),
  };
}
