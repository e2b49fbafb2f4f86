/** The leader's half of workflows: what no single end of a job can do by itself. Each step is fenced by its epoch. */
import { Injectable } from '@nestjs/common';
import type { JobState } from '#common/domain/job.js';
import { LeaderEpochs, type Fence } from './leader-epochs.js';
import { PrismaService } from './prisma.service.js';
import { CLOSE_WORKFLOWS, GO_ON_CANCELLING, SETTLE_ENDED_JOBS } from './workflow-statements.js';

export interface Settled {
  /** Ended jobs whose children have been told. */
  readonly settled: number;
  /** Whether some of those children are due now. */
  readonly released: boolean;
}

export interface Cancelled {
  readonly cancelled: number;
  /** Jobs that run and must be told to end. */
  readonly running: readonly string[];
}

@Injectable()
export class WorkflowUpkeepRepository {
  constructor(
    private readonly prisma: PrismaService,
    private readonly epochs: LeaderEpochs,
  ) {}

  /** Tells the children of at most `limit` ended jobs; those that are cancelled for it are settled by the next call. */
  async settle(fence: Fence, limit: number): Promise<Settled | 'fenced'> {
    const rows = await this.prisma.query<{ id: string | null; state: JobState }>(
      SETTLE_ENDED_JOBS,
      fence.election,
      fence.epoch,
      limit,
    );
    if (rows.length === 0 && !(await this.epochs.stands(fence))) return 'fenced';
    return {
      settled: rows.filter(({ id }) => id !== null).length,
      released: rows.some(({ id, state }) => id === null && state === 'scheduled'),
    };
  }

  /** Goes on with the cancelling of workflows that a store has begun. */
  async goOnCancelling(fence: Fence, limit: number): Promise<Cancelled> {
    const rows = await this.prisma.query<{ id: string; state: JobState }>(
      GO_ON_CANCELLING,
      fence.election,
      fence.epoch,
      limit,
    );
    return {
      cancelled: rows.length,
      running: rows.filter(({ state }) => state === 'running').map(({ id }) => id),
    };
  }

  /** Looks at `limit` open workflows from after `fromId` and closes those whose jobs have all ended. */
  async close(
    fence: Fence,
    fromId: string,
    limit: number,
  ): Promise<{ closed: number; lastId: string | null }> {
    const [step] = await this.prisma.query<{ closed: number; lastId: string | null }>(
      CLOSE_WORKFLOWS,
      fence.election,
      fence.epoch,
      fromId,
      limit,
    );
    if (step === undefined) throw new Error('a SELECT without FROM returned no row');
    return step;
  }
}
