/** The scheduler leader's half of schedules: which are due, and carrying out what was planned for them. */
import { Injectable } from '@nestjs/common';
import { newId } from '#common/runtime/new-id.js';
import type { FiringPlan, SchedulePosition } from '#common/domain/firing-plan.js';
import type { ScheduleDefinition } from '#common/domain/schedule.js';
import { LeaderEpochs, type Fence } from './leader-epochs.js';
import { PrismaService, type Query } from './prisma.service.js';
import {
  ENTER_OCCURRENCES,
  FIND_DUE_SCHEDULES,
  HOLD_SCHEDULES,
  MOVE_SCHEDULES,
  NEXT_DUE_TIME,
} from './schedule-statements.js';

/** A schedule that is due, as it was when it was looked at. */
export interface DueSchedule extends SchedulePosition {
  readonly id: string;
  readonly version: number;
}

export interface Fired {
  /** Schedules whose plan was carried out; the others had been changed meanwhile. */
  readonly moved: number;
  /** Jobs made. */
  readonly fired: number;
  /** Running jobs that were asked to end. */
  readonly toEnd: readonly string[];
}

export interface Planned {
  readonly schedule: DueSchedule;
  readonly plan: FiringPlan;
}

interface DueRow {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly definition: Omit<ScheduleDefinition, 'job'>;
  readonly anchor: Date;
  readonly nextDueAt: Date | null;
  readonly waitingDueAt: Date | null;
  readonly firedCount: number;
  readonly unfinished: boolean;
  readonly now: Date;
}

@Injectable()
export class FiringRepository {
  constructor(
    private readonly prisma: PrismaService,
    private readonly epochs: LeaderEpochs,
  ) {}

  /** About `limit` schedules with something to do, and the database's time. */
  async findDue(limit: number): Promise<{ schedules: DueSchedule[]; now: number }> {
    const rows = await this.prisma.query<DueRow>(FIND_DUE_SCHEDULES, limit);
    const schedules = rows.map(({ anchor, nextDueAt, waitingDueAt, now: _now, ...row }) => ({
      ...row,
      anchor: anchor.getTime(),
      nextDueAt: nextDueAt?.getTime() ?? null,
      waitingDueAt: waitingDueAt?.getTime() ?? null,
    }));
    return { schedules, now: rows[0]?.now.getTime() ?? 0 };
  }

  /** Milliseconds until the next due time, negative when it has passed, null when there is none; and whether something waits. */
  async nextDue(): Promise<{ nextDueInMs: number | null; waiting: boolean }> {
    const [row] = await this.prisma.query<{ nextDueInMs: number | null; waiting: boolean }>(NEXT_DUE_TIME);
    if (row === undefined) throw new Error('a SELECT without FROM returned no row');
    return row;
  }

  /**
   * Carries plans out, in one transaction, except those of schedules that were changed meanwhile.
   * @returns 'fenced' when the leader's epoch no longer stands
   */
  async fire(fence: Fence, plans: readonly Planned[]): Promise<Fired | 'fenced'> {
    const fired = await this.prisma.inTransaction((query) => carryOut(query, fence, plans));
    return fired.moved > 0 || (await this.epochs.stands(fence)) ? fired : 'fenced';
  }
}

async function carryOut(query: Query, fence: Fence, plans: readonly Planned[]): Promise<Fired> {
  const rows = await query<{ id: string }>(
    HOLD_SCHEDULES,
    fence.election,
    fence.epoch,
    plans.map(({ schedule }) => schedule.id),
    plans.map(({ schedule }) => iso(schedule.nextDueAt)),
    plans.map(({ schedule }) => schedule.version),
  );
  const ids = new Set(rows.map(({ id }) => id));
  const held = plans.filter(({ schedule }) => ids.has(schedule.id));
  if (held.length === 0) return { moved: 0, fired: 0, toEnd: [] };

  const occurrences = held.flatMap(({ schedule, plan }) =>
    plan.occurrences.map((occurrence) => ({
      ...occurrence,
      scheduleId: schedule.id,
      jobId: occurrence.outcome === 'skipped' ? null : newId(),
    })),
  );
  const made = await query<{ id: string }>(
    ENTER_OCCURRENCES,
    occurrences.map(({ scheduleId }) => scheduleId),
    occurrences.map(({ dueAt }) => iso(dueAt)),
    occurrences.map(({ outcome }) => outcome),
    occurrences.map(({ reason }) => reason),
    occurrences.map(({ jobId }) => jobId),
    occurrences.map(({ runAt }) => iso(runAt)),
  );
  const counts = new Map<string, number>();
  for (const { id } of made) counts.set(id, (counts.get(id) ?? 0) + 1);

  const cancelling = held.filter(({ plan }) => plan.cancel).map(({ schedule }) => schedule.id);
  const toEnd = await query<{ id: string }>(
    MOVE_SCHEDULES,
    held.map(({ schedule }) => schedule.id),
    held.map(({ plan }) => iso(plan.nextDueAt)),
    held.map(({ plan }) => iso(plan.waitingDueAt)),
    held.map(({ schedule }) => counts.get(schedule.id) ?? 0),
    cancelling.length === 0 ? [] : occurrences.flatMap(({ jobId }) => jobId ?? []),
    cancelling,
    held.filter(({ schedule }) => schedule.definition.overlap !== 'allow').map(({ schedule }) => schedule.id),
  );
  return { moved: held.length, fired: made.length, toEnd: toEnd.map(({ id }) => id) };
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
