/** What can be done with schedules, for every door that leads here. */
import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import { Notifier } from '#common/database/notifications.js';
import { QueueRepository } from '#common/database/queue.repository.js';
import { ScheduleRepository, type FirstDue, type Schedule } from '#common/database/schedule.repository.js';
import { dueTimes } from '#common/domain/recurrence/due-times.js';
import { zoneOf } from '#common/domain/recurrence/zone.js';
import { timetableOf, type ScheduleDefinition } from '#common/domain/schedule.js';
import type { Caller } from '../access/caller.js';
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

interface ApplyOptions {
  /** Refuse when the schedule has another one. */
  readonly version: number | undefined;
  /** Only say what would change. */
  readonly dryRun: boolean;
}

type PreviewedDefinition = Pick<
  ScheduleDefinition,
  'recurrence' | 'timezone' | 'start' | 'end' | 'maxCount' | 'jitterMs'
>;

/** How often a request that insists on no version tries anew after another one was quicker. */
const MAX_TRIES = 5;

@Injectable()
export class ScheduleService {
  constructor(
    private readonly schedules: ScheduleRepository,
    private readonly queues: QueueRepository,
    private readonly types: JobTypes,
    private readonly notifier: Notifier,
  ) {}

  /** @throws Problem conflict when the name is taken; or when the job would not be accepted of this caller */
  async create(name: string, given: GivenDefinition, caller: Caller): Promise<Schedule> {
    // POST does not have it in its path.
    caller.note({ name });
    const definition = await this.#accept(given, caller);
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
   * Whoever may submit may make one; to change one that is there is to operate.
   */
  async apply(name: string, given: GivenDefinition, options: ApplyOptions, caller: Caller): Promise<Applied> {
    caller.note({ dryRun: options.dryRun });
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#apply(name, given, options, caller);
      } catch (error) {
        // Somebody else was quicker: what there is now may be as given already.
        if (options.version !== undefined || tries === MAX_TRIES || !isOvertaken(error)) throw error;
      }
    }
  }

  async #apply(
    name: string,
    given: GivenDefinition,
    { version, dryRun }: ApplyOptions,
    caller: Caller,
  ): Promise<Applied> {
    const current = await this.schedules.get(name);
    if (current !== undefined) {
      caller.require({ scope: 'operate', queue: current.definition.job.queue });
      return this.#change(current, given, { version, dryRun }, caller);
    }
    if (version !== undefined) throw changed(name);
    const definition = toDefinition(given);
    const changes = changesBetween({}, presentDefinition(definition));
    if (dryRun) {
      this.#check(definition, caller);
      return { applied: 'created', schedule: null, changes };
    }
    return { applied: 'created', schedule: await this.create(name, given, caller), changes };
  }

  /** Changes what the patch names and leaves the rest. @throws Problem when the result is not allowed */
  async patch(
    name: string,
    patch: Readonly<Record<string, unknown>>,
    version: number | undefined,
    caller: Caller,
  ): Promise<Schedule> {
    const current = await this.get(name, caller);
    const merged = mergePatch(presentDefinition(current.definition), patch);
    const given = checked(definitionSchema, merged, 'validation-failed');
    const { schedule } = await this.#change(current, given, { version, dryRun: false }, caller);
    return schedule ?? current;
  }

  async #change(
    current: Schedule,
    given: GivenDefinition,
    { version, dryRun }: ApplyOptions,
    caller: Caller,
  ): Promise<Applied> {
    if (version !== undefined && version !== current.version) throw changed(current.name);
    const definition = toDefinition(given);
    const changes = changesBetween(presentDefinition(current.definition), presentDefinition(definition));
    if (changes.length === 0) return { applied: 'unchanged', schedule: current, changes };
    if (dryRun) {
      this.#check(definition, caller);
      return { applied: 'updated', schedule: current, changes };
    }
    await this.#accept(given, caller);
    const updated = await this.schedules.update(
      current,
      definition,
      keepsNextDue(current, definition) ? undefined : firstDue(definition, current),
    );
    if (updated === 'stale') throw changed(current.name);
    this.notifier.send('schedules');
    return { applied: 'updated', schedule: updated, changes };
  }

  async #accept(given: GivenDefinition, caller: Caller): Promise<ScheduleDefinition> {
    const definition = toDefinition(given);
    this.#check(definition, caller);
    const { queue, concurrencyKey, fairnessKey } = definition.job;
    await this.queues.ensure(queue, concurrencyKey !== null || fairnessKey !== null);
    return definition;
  }

  /** Whoever gives a schedule its definition must be allowed to submit the job that it makes. */
  #check({ job: { type, payload, queue } }: ScheduleDefinition, caller: Caller): void {
    caller.require({ scope: 'submit', queue, type });
    this.types.check(type, payload, ['job']);
  }

  /** @throws Problem when there is no such schedule, or the caller may not see the queue of its jobs */
  async get(name: string, caller: Caller): Promise<Schedule> {
    const schedule = found(name, await this.schedules.get(name));
    caller.requireQueue(schedule.definition.job.queue);
    return schedule;
  }

  /** For callers that are limited to some queues: a look at the schedule before something is done to it. */
  async #requireReach(name: string, caller: Caller): Promise<void> {
    if (caller.queuePatterns !== null) await this.get(name, caller);
  }

  /** While it is paused nothing is fired; what was due meanwhile is then treated as missed runs are. */
  async setPaused(name: string, paused: boolean, caller: Caller): Promise<Schedule> {
    await this.#requireReach(name, caller);
    const schedule = found(name, await this.schedules.setPaused(name, paused));
    this.notifier.send('schedules');
    return schedule;
  }

  async delete(name: string, version: number | undefined, caller: Caller): Promise<Schedule> {
    await this.#requireReach(name, caller);
    const deleted = await this.schedules.delete(name, version);
    if (deleted !== undefined) return deleted;
    await this.get(name, caller);
    throw changed(name);
  }

  /** Makes a job now, whatever the clock, the pause and the overlap say: a person has asked for it. */
  async run(name: string, caller: Caller): Promise<{ dueAt: Date; jobId: string }> {
    await this.#requireReach(name, caller);
    const run = await this.schedules.runNow(name);
    if (run === undefined) {
      await this.get(name, caller);
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

function isOvertaken(error: unknown): boolean {
  return error instanceof Problem && (error.kind === 'conflict' || error.kind === 'precondition-failed');
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
