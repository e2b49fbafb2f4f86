/** Schedules and their ledger as the store sees them: define, look up, run, read what became of each due time. */
import { Injectable } from '@nestjs/common';
import { newId } from '#common/runtime/new-id.js';
import type { Outcome, Reason } from '#common/domain/firing-plan.js';
import type { ScheduleDefinition } from '#common/domain/schedule.js';
import { PrismaService } from './prisma.service.js';
import {
  CLOSE_FINISHED,
  DELETE_SCHEDULE,
  GET_SCHEDULE,
  INSERT_SCHEDULE,
  LIST_OCCURRENCES,
  LIST_SCHEDULES,
  RUN_SCHEDULE,
  SET_PAUSED,
  UPDATE_SCHEDULE,
} from './schedule-statements.js';

export interface Schedule {
  readonly id: string;
  readonly name: string;
  readonly definition: ScheduleDefinition;
  readonly paused: boolean;
  /** Null when there are no more. */
  readonly nextDueAt: Date | null;
  /** The due time that waits for an earlier job to finish. */
  readonly waitingDueAt: Date | null;
  /** Due times that made a job. */
  readonly firedCount: number;
  /** Bumped by each change that a person makes. */
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface Occurrence {
  readonly dueAt: Date;
  readonly outcome: Outcome;
  readonly reason: Reason | null;
  /** How long after its due time it was decided on, in milliseconds. */
  readonly latenessMs: number;
  /** When its job was due: the due time and the jitter. Null when it was skipped. */
  readonly runAt: Date | null;
  readonly jobId: string | null;
  readonly recordedAt: Date;
}

/** The first due time of a definition, given the database's time. */
export type FirstDue = (now: Date) => Date | null;

@Injectable()
export class ScheduleRepository {
  constructor(private readonly prisma: PrismaService) {}

  /** Stores a new schedule. @returns 'taken' when another one has its name */
  async create(
    name: string,
    definition: ScheduleDefinition,
    firstDue: FirstDue,
  ): Promise<Schedule | 'taken'> {
    const now = await this.now();
    const [created] = await this.prisma.query<Schedule>(
      INSERT_SCHEDULE,
      newId(),
      name,
      JSON.stringify(definition),
      iso(firstDue(now)),
      iso(now),
    );
    return created ?? 'taken';
  }

  /**
   * Gives a schedule another definition.
   * @param firstDue when it is due next; undefined leaves that as it is
   * @returns 'stale' when it was changed or deleted since it was looked at
   */
  async update(
    looked: Schedule,
    definition: ScheduleDefinition,
    firstDue: FirstDue | undefined,
  ): Promise<Schedule | 'stale'> {
    // Under `allow` nobody looked whether its jobs had finished; the next policy will want to know.
    if (looked.definition.overlap !== definition.overlap) {
      await this.prisma.query(CLOSE_FINISHED, looked.name);
    }
    const [updated] = await this.prisma.query<Schedule>(
      UPDATE_SCHEDULE,
      looked.name,
      looked.version,
      JSON.stringify(definition),
      firstDue !== undefined,
      firstDue === undefined ? null : iso(firstDue(await this.now())),
    );
    return updated ?? 'stale';
  }

  async get(name: string): Promise<Schedule | undefined> {
    const [schedule] = await this.prisma.query<Schedule>(GET_SCHEDULE, name);
    return schedule;
  }

  /** Newest first. @param queuePatterns operands of LIKE, one of which the queue must fit; null is no limit */
  list(
    beforeId: string | undefined,
    limit: number,
    queuePatterns: readonly string[] | null,
  ): Promise<Schedule[]> {
    return this.prisma.query<Schedule>(LIST_SCHEDULES, beforeId ?? null, limit, queuePatterns);
  }

  /** Nothing happens to one that is paused already, or runs already. */
  async setPaused(name: string, paused: boolean): Promise<Schedule | undefined> {
    const [schedule] = await this.prisma.query<Schedule>(SET_PAUSED, name, paused);
    return schedule;
  }

  /** Deletes a schedule with its ledger; its jobs stay. @param version only that one */
  async delete(name: string, version: number | undefined): Promise<Schedule | undefined> {
    const [deleted] = await this.prisma.query<Schedule>(DELETE_SCHEDULE, name, version ?? null);
    return deleted;
  }

  /** Makes a job now. @returns undefined when there is no such schedule, or it was run in this very millisecond */
  async runNow(name: string): Promise<{ dueAt: Date; jobId: string } | undefined> {
    const jobId = newId();
    const [entered] = await this.prisma.query<{ dueAt: Date }>(RUN_SCHEDULE, name, jobId);
    return entered === undefined ? undefined : { dueAt: entered.dueAt, jobId };
  }

  /** Latest first. */
  occurrences(
    scheduleId: string,
    filter: { readonly before?: Date | undefined; readonly outcome?: Outcome | undefined },
    limit: number,
  ): Promise<Occurrence[]> {
    return this.prisma.query<Occurrence>(
      LIST_OCCURRENCES,
      scheduleId,
      iso(filter.before ?? null),
      filter.outcome ?? null,
      limit,
    );
  }

  /** The database's time, by which everything is due. */
  async now(): Promise<Date> {
    const [row] = await this.prisma.query<{ now: Date }>(
      `/* database_time */ SELECT clock_timestamp() AS now`,
    );
    if (row === undefined) throw new Error('a SELECT without FROM returned no row');
    return row.now;
  }
}

function iso(date: Date | null): string | null {
  return date?.toISOString() ?? null;
}
