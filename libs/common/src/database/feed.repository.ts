/** The scheduler leader's half of the protocol: claim what is due (T1) and take back what the queue lost (T3). */
import { Injectable } from '@nestjs/common';
import type { Delivery } from '#common/domain/job.js';
import { CLAIM_DUE, FIND_OVERDUE_DELIVERIES, QUEUE_DEPTHS, TAKE_BACK_DELIVERIES } from './job-statements.js';
import { LeaderEpochs, type Fence } from './leader-epochs.js';
import { PrismaService } from './prisma.service.js';

export interface ClaimedJob {
  readonly id: string;
  readonly delivery: number;
  readonly type: string;
  readonly queue: string;
}

export interface QueueDepth {
  readonly queue: string;
  /** Jobs handed over and not started. */
  readonly depth: number;
  /** Milliseconds until the next job is due, negative when overdue, null when none is scheduled. */
  readonly nextDueInMs: number | null;
}

/** One share of the queues; each has a leader of its own. */
export interface Shard {
  /** From 0. */
  readonly number: number;
  /** How many there are. */
  readonly of: number;
}

export interface OverdueDelivery extends Delivery {
  readonly queue: string;
}

@Injectable()
export class FeedRepository {
  constructor(
    private readonly prisma: PrismaService,
    private readonly epochs: LeaderEpochs,
  ) {}

  /**
   * Claims up to `room` due jobs of each queue, most urgent first.
   * @returns the claimed jobs, or 'fenced' when the leader's epoch no longer stands
   */
  async claimDue(fence: Fence, rooms: ReadonlyMap<string, number>): Promise<ClaimedJob[] | 'fenced'> {
    const claimed = await this.prisma.query<ClaimedJob>(
      CLAIM_DUE,
      fence.election,
      fence.epoch,
      [...rooms.keys()],
      [...rooms.values()],
    );
    return claimed.length > 0 || (await this.epochs.stands(fence)) ? claimed : 'fenced';
  }

  depths(shard: Shard): Promise<QueueDepth[]> {
    return this.prisma.query<QueueDepth>(QUEUE_DEPTHS, shard.number, shard.of);
  }

  /** Deliveries that nobody has started for `ageMs`, oldest first. */
  findOverdue(shard: Shard, ageMs: number, limit: number): Promise<OverdueDelivery[]> {
    return this.prisma.query<OverdueDelivery>(FIND_OVERDUE_DELIVERIES, shard.number, shard.of, ageMs, limit);
  }

  /**
   * Makes lost deliveries claimable again; ones that were started meanwhile are left alone.
   * @returns how many were taken back, or 'fenced'
   */
  async takeBack(fence: Fence, lost: readonly Delivery[]): Promise<number | 'fenced'> {
    const rows = await this.prisma.query<{ id: string }>(
      TAKE_BACK_DELIVERIES,
      fence.election,
      fence.epoch,
      lost.map(({ jobId }) => jobId),
      lost.map(({ delivery }) => delivery),
    );
    return rows.length > 0 || (await this.epochs.stands(fence)) ? rows.length : 'fenced';
  }
}
