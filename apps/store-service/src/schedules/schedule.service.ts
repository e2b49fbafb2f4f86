/** What can be done with schedules, for every door that leads here. */
import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import { Notifier } from '#common/database/notifications.js';
import { QueueRepository } from '#common/database/queue.repository.js';
import { ScheduleRepository, type FirstDue, type Schedule } from '#common/database/schedule.repository.js';
import { dueTimes } from '#common/domain/recurrence/due-times.js';
import { zoneOf } from '#common/domain/recurrence/zone.js';
import { timetableOf, type ScheduleDefinition } from '#common/domain/schedule.js';
import { JobTypes } from '../jobs/job-types.js';
import { Problem } from '../http/problem.js';
import { checked } from '../http/validation.js';
import { changesBetween } from './definition-changes.js';
import { mergePatch } from './merge-patch.js';
import { presentDefinition, presentDueTime } from './schedule.presenter.js';
import { definitionSchema, toDefinition, type GivenDefinition } from './schedule.schemas.js';
import type { Change, DueTimeView } from './schedule.views.js';

export interface Applied {
  readonly applied: 'created' | 'updated' | 'unchanged';
  /** Null when it was a dry run and there is no schedule yet. */
  readonly schedule: Schedule | null;
  readonly changes: readonly Change[];
}

type PreviewedDefinition = Pick<
  ScheduleDefinition,
  'recurrence' | 'timezone' | 'start' | 'end' | 'maxCount' | 'jitterMs'
>;

@Injectable()
export class ScheduleService {
  constructor(
    private readonly schedules: ScheduleRepository,
    private readonly queues: QueueRepository,
    private readonly types: JobTypes,
    private readonly notifier: Notifier,
  ) {}

  /** @throws Problem conflict when the name is taken; or when the job would not be accepted */
  async create(name: string, given: GivenDefinition): Promise<Schedule> {
    const definition = await this.#accept(given);
    const created = await this.schedules.create(name, definition, firstDue(definition));
    if (created === 'taken') {
      throw new Problem('conflict', `There is a schedule named ${name} already.`, [
        { field: 'name', message: 'is taken; PUT changes the schedule that has it' },
      ]);
    }
    this.notifier.send('schedules');
    return created;
  }

  /**
   * Makes the schedule of that name be as given. The same definition a second time changes nothing.
   * @param version refuse when the schedule has another one
   * @param dryRun only say what would change
   */
  async apply(
    name: string,
    given: GivenDefinition,
    version: number | undefined,
    dryRun: boolean,
  ): Promise<Applied> {
    const current = await this.schedules.get(name);
    if (current !== undefined) return this.#change(current, given, version, dryRun);
    if (version !== undefined) throw changed(name);
    const definition = toDefinition(given);
    const changes = changesBetween({}, presentDefinition(definition));
    if (dryRun) {
      this.types.check(definition.job.type, definition.job.payload, ['job']);
      return { applied: 'created', schedule: null, changes };
    }
    return { applied: 'created', schedule: await this.create(name, given), changes };
  }

  /** Changes what the patch names and leaves the rest. @throws Problem when the result is not allowed */
  async patch(
    name: string,
    patch: Readonly<Record<string, unknown>>,
    version: number | undefined,
  ): Promise<Schedule> {
    const current = await this.get(name);
    const merged = mergePatch(presentDefinition(current.definition), patch);
    const given = checked(definitionSchema, merged, 'validation-failed');
    const { schedule } = await this.#change(current, given, version, false);
    return schedule ?? current;
  }

  async #change(
    current: Schedule,
    given: GivenDefinition,
    version: number | undefined,
    dryRun: boolean,
  ): Promise<Applied> {
    if (version !== undefined && version !== current.version) throw changed(current.name);
    const definition = toDefinition(given);
    const changes = changesBetween(presentDefinition(current.definition), presentDefinition(definition));
    if (changes.length === 0) return { applied: 'unchanged', schedule: current, changes };
    if (dryRun) {
      this.types.check(definition.job.type, definition.job.payload, ['job']);
      return { applied: 'updated', schedule: current, changes };
    }
    await this.#accept(given);
    const updated = await this.schedules.update(
      current,
      definition,
      keepsNextDue(current, definition) ? undefined : firstDue(definition, current),
    );
    if (updated === 'stale') throw changed(current.name);
    this.notifier.send('schedules');
    return { applied: 'updated', schedule: updated, changes };
  }

  async #accept(given: GivenDefinition): Promise<ScheduleDefinition> {
    const definition = toDefinition(given);
    this.types.check(definition.job.type, definition.job.payload, ['job']);
    const { queue, concurrencyKey, fairnessKey } = definition.job;
    await this.queues.ensure(queue, concurrencyKey !== null || fairnessKey !== null);
    return definition;
  }

  async get(name: string): Promise<Schedule> {
    return found(name, await this.schedules.get(name));
  }

  /** While it is paused nothing is fired; what was due meanwhile is then treated as missed runs are. */
  async setPaused(name: string, paused: boolean): Promise<Schedule> {
    const schedule = found(name, await this.schedules.setPaused(name, paused));
    this.notifier.send('schedules');
    return schedule;
  }

  async delete(name: string, version: number | undefined): Promise<Schedule> {
    const deleted = await this.schedules.delete(name, version);
    if (deleted !== undefined) return deleted;
    await this.get(name);
    throw changed(name);
  }

  /** Makes a job now, whatever the clock, the pause and the overlap say: a person has asked for it. */
  async run(name: string): Promise<{ dueAt: Date; jobId: string }> {
    const run = await this.schedules.runNow(name);
    if (run === undefined) {
      await this.get(name);
      throw new Problem('conflict', 'It was run in this very millisecond. Try again.');
    }
    this.notifier.send('work');
    return run;
  }

  /** The next due times of a schedule: from `from` on, and no more than are left of its maximum count. */
  async previewOf(schedule: Schedule, from: Date | undefined, count: number): Promise<DueTimeView[]> {
    const { definition, firedCount, createdAt, name } = schedule;
    const left = Math.max(0, (definition.maxCount ?? Number.POSITIVE_INFINITY) - firedCount);
    return preview(name, definition, createdAt, from ?? (await this.schedules.now()), Math.min(count, left));
  }

  /** The same for a definition that is not saved; it counts from `from`. */
  async preview(
    name: string,
    definition: PreviewedDefinition,
    from: Date | undefined,
    count: number,
  ): Promise<DueTimeView[]> {
    const first = from ?? (await this.schedules.now());
    return preview(name, definition, first, first, Math.min(count, definition.maxCount ?? count));
  }
}

function preview(
  name: string,
  definition: PreviewedDefinition,
  anchor: Date,
  from: Date,
  count: number,
): DueTimeView[] {
  const next = dueTimes(timetableOf(definition, anchor.getTime()));
  const zone = zoneOf(definition.timezone);
  const views: DueTimeView[] = [];
  let due = next(from.getTime() - 1);
  while (due !== null && views.length < count) {
    views.push(presentDueTime(due, zone.periodAt(due.at).offset, name, definition.jitterMs));
    due = next(due.at);
  }
  return views;
}

/** @param current the schedule that gets the definition, if there is one already */
function firstDue(definition: ScheduleDefinition, current?: Schedule): FirstDue {
  return (now) => {
    if (definition.maxCount !== null && (current?.firedCount ?? 0) >= definition.maxCount) return null;
    const anchor = current?.createdAt ?? now;
    const due = dueTimes(timetableOf(definition, anchor.getTime()))(now.getTime());
    return due === null ? null : new Date(due.at);
  };
}

/** Whether a change leaves alone when it is due next, also when that has just passed and is about to be fired. */
function keepsNextDue(
  { definition: before, nextDueAt, firedCount }: Schedule,
  after: ScheduleDefinition,
): boolean {
  const times = ({ recurrence, timezone, start, end }: ScheduleDefinition) => ({
    recurrence,
    timezone,
    start,
    end,
  });
  if (!isDeepStrictEqual(times(before), times(after))) return false;
  if (before.maxCount === after.maxCount) return true;
  return nextDueAt !== null && firedCount < (after.maxCount ?? Number.POSITIVE_INFINITY);
}

function found(name: string, schedule: Schedule | undefined): Schedule {
  if (schedule === undefined) throw new Problem('not-found', `There is no schedule named ${name}.`);
  return schedule;
}

function changed(name: string): Problem {
  return new Problem(
    'precondition-failed',
    `The schedule ${name} has changed since it was looked at, or is gone. Look again, and decide anew.`,
  );
}
