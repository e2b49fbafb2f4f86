/** Schedules as the API shows them. What it shows of a definition is what it takes: it can be sent back as it is. */
import type { Occurrence, Schedule } from '#common/database/schedule.repository.js';
import type { DueTime } from '#common/domain/recurrence/due-times.js';
import { jitterMs } from '#common/domain/recurrence/jitter.js';
import type { ScheduleDefinition } from '#common/domain/schedule.js';
import { presentRetry } from '../jobs/job.presenter.js';
import type { DefinitionView, DueTimeView, OccurrenceView, ScheduleView } from './schedule.views.js';

export function presentSchedule(schedule: Schedule): ScheduleView {
  const { nextDueAt, waitingDueAt, paused } = schedule;
  const finished = nextDueAt === null && waitingDueAt === null;
  return {
    id: schedule.id,
    name: schedule.name,
    state: finished ? 'finished' : paused ? 'paused' : 'active',
    definition: presentDefinition(schedule.definition),
    nextDueAt: nextDueAt?.toISOString() ?? null,
    waitingDueAt: waitingDueAt?.toISOString() ?? null,
    firedCount: schedule.firedCount,
    version: schedule.version,
    createdAt: schedule.createdAt.toISOString(),
    updatedAt: schedule.updatedAt.toISOString(),
  };
}

export function presentDefinition(definition: ScheduleDefinition): DefinitionView {
  const { recurrence, job } = definition;
  return {
    ...(recurrence.kind === 'cron'
      ? { cron: recurrence.expression, gap: recurrence.gap, fold: recurrence.fold }
      : { every: recurrence.everyMs }),
    timezone: definition.timezone,
    start: definition.start,
    end: definition.end,
    maxCount: definition.maxCount,
    jitter: definition.jitterMs,
    missedRuns: definition.missedRuns,
    grace: definition.graceMs,
    overlap: definition.overlap,
    job: {
      type: job.type,
      payload: job.payload,
      name: job.name,
      queue: job.queue,
      priority: job.priority,
      maxAttempts: job.maxAttempts,
      timeout: job.timeoutMs,
      retry: job.retry === null ? null : presentRetry(job.retry),
      onLost: job.onLost,
      concurrencyKey: job.concurrencyKey,
      fairnessKey: job.fairnessKey,
      expiresAt: job.expiresInMs ?? null,
      tags: job.tags ?? [],
    },
  };
}

export function presentOccurrence(occurrence: Occurrence): OccurrenceView {
  return {
    dueAt: occurrence.dueAt.toISOString(),
    outcome: occurrence.outcome,
    reason: occurrence.reason,
    lateness: occurrence.latenessMs,
    runAt: occurrence.runAt?.toISOString() ?? null,
    jobId: occurrence.jobId,
    recordedAt: occurrence.recordedAt.toISOString(),
  };
}

/** @param offset of the zone's clock from UTC at that time, in milliseconds */
export function presentDueTime(
  { at, clock, wallClock }: DueTime,
  offset: number,
  schedule: string,
  maxJitterMs: number,
): DueTimeView {
  return {
    utc: new Date(at).toISOString(),
    local: `${withoutZone(at + offset)}${presentOffset(offset)}`,
    clock,
    wallClock: withoutZone(wallClock),
    runAt: new Date(at + jitterMs(schedule, at, maxJitterMs)).toISOString(),
  };
}

const withoutZone = (wallClock: number) => new Date(wallClock).toISOString().slice(0, -1);

/** `+05:45`; with seconds where a zone of old has them. */
function presentOffset(offset: number): string {
  const clock = new Date(Math.abs(offset)).toISOString().slice(11, 19);
  return `${offset < 0 ? '-' : '+'}${clock.endsWith(':00') ? clock.slice(0, 5) : clock}`;
}
