/** The scheduler leader's half of the protocol: claim what is due (T1) and take back what the queue lost (T3). */
import { Injectable } from '@nestjs/common';
import { NOTHING_CLAIMED, type ClaimPosition } from '#common/domain/claim-positions.js';
import type { Delivery } from '#common/domain/job.js';
import type { DrainPolicy } from '#common/domain/queue.js';
import {
  CLAIM_DUE,
  CLAIMED_AHEAD_MS,
  FIND_OVERDUE_DELIVERIES,
  NEXT_DUE,
  SHARD_QUEUES,
  TAKE_BACK_DELIVERIES,
} from './job-statements.js';
import { LeaderEpochs, type Fence } from './leader-epochs.js';
import { PrismaService } from './prisma.service.js';

export interface ClaimedJob {
  readonly id: string;
  readonly delivery: number;
  readonly type: string;
  readonly queue: string;
  readonly priority: number;
  /** When it was due, in milliseconds since 1970. */
  readonly runAtMs: number;
  /** In how many milliseconds it is due; negative when it has been due. */
  readonly dueInMs: number;
}

/** A queue of which more jobs are wanted. */
export interface WantedJobs {
  readonly queue: string;
  /** Most jobs that are taken. */
  readonly room: number;
  /** For each priority, most urgent first, where to go on; from the beginning unless given. */
  readonly positions?: readonly ClaimPosition[];
}

/** One share of the queues; each has a leader of its own. */
export interface Shard {
  /** From 0. */
  readonly number: number;
  /** How many there are. */
  readonly of: number;
}

/** What a leader knows of the queues of its shard, all as of one moment. */
export interface ShardQueues {
  readonly queues: readonly ShardQueue[];
  /** Of the settings of all queues; a claim under older ones changes no row. */
  readonly settingsVersion: string;
}

export interface ShardQueue {
  readonly name: string;
  readonly paused: boolean;
  /** False while what was in flight at the last change of its settings has not been dealt with. */
  readonly settled: boolean;
  /** It has limits, or jobs with keys. */
  readonly limited: boolean;
  readonly drain: DrainPolicy;
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
   * Claims jobs of each queue that are due or will be in a moment, most urgent first.
   * @param wanted queues without limits, as of `settingsVersion`
   * @returns the claimed jobs; none also when the leader's epoch no longer stands, or the settings are others
   */
  claimDue(fence: Fence, wanted: readonly WantedJobs[], settingsVersion: string): Promise<ClaimedJob[]> {
    const { election, epoch } = fence;
    return this.prisma.query<ClaimedJob>(
      CLAIM_DUE,
      election,
      epoch,
      ...wantedColumns(wanted),
      BigInt(settingsVersion),
    );
  }

  /**
   * @returns in how many milliseconds the next job of these queues can be claimed, negative when overdue, null when none is
   * scheduled; or 'fenced' when the leader's epoch no longer stands; or 'outdated' when the settings of queues are others
   */
  async nextClaimInMs(
    fence: Fence,
    queues: readonly WantedJobs[],
    settingsVersion: string,
  ): Promise<number | null | 'fenced' | 'outdated'> {
    const [next] = await this.prisma.query<{
      standing: boolean;
      settingsStand: boolean;
      dueInMs: number | null;
    }>(NEXT_DUE, fence.election, fence.epoch, ...wantedColumns(queues), BigInt(settingsVersion));
    if (next?.standing !== true) return 'fenced';
    if (!next.settingsStand) return 'outdated';
    return next.dueInMs === null ? null : next.dueInMs - CLAIMED_AHEAD_MS;
  }

  /** The queues of a shard, as the leader of `election` must know them. */
  async queuesOf(shard: Shard, election: string): Promise<ShardQueues> {
    const rows = await this.prisma.query<ShardQueue & { settingsVersion: string }>(
      SHARD_QUEUES,
      shard.number,
      shard.of,
      election,
    );
    return { queues: rows, settingsVersion: rows[0]?.settingsVersion ?? '0' };
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

/** $3 to $6 of the claims. */
export function wantedColumns(wanted: readonly WantedJobs[]): unknown[] {
  const positions = wanted.flatMap(({ positions: known }) => known ?? NOTHING_CLAIMED);
  return [
    wanted.map(({ queue }) => queue),
    wanted.map(({ room }) => room),
    positions.map(({ atMs }) => (atMs === -Infinity ? '-infinity' : new Date(atMs).toISOString())),
    positions.map(({ id }) => id),
  ];
}
