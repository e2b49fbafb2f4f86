/** The scheduler leader's claims of queues that are drained in strict order. */
import { Injectable } from '@nestjs/common';
import type { ClaimedJob } from './feed.repository.js';
import { LeaderEpochs, type Fence } from './leader-epochs.js';
import { CLAIM_IN_ORDER } from './ordered-claim-statement.js';
import { PrismaService } from './prisma.service.js';

export interface OrderedClaim {
  readonly queue: string;
  /** The next job in order; null when it is not its time, or one is in flight. */
  readonly job: ClaimedJob | null;
  /** A job of the queue is in flight now. */
  readonly busy: boolean;
  /** Somebody else claimed in the same moment: nothing was taken, and it should be tried again. */
  readonly stale: boolean;
  /** In how many milliseconds the next in order is due, negative when overdue; null when that is not a matter of time. */
  readonly dueInMs: number | null;
}

type Row = Omit<OrderedClaim, 'job'> & {
  readonly [Field in keyof Omit<ClaimedJob, 'queue' | 'dueInMs'>]: ClaimedJob[Field] | null;
};

@Injectable()
export class OrderedFeedRepository {
  constructor(
    private readonly prisma: PrismaService,
    private readonly epochs: LeaderEpochs,
  ) {}

  /**
   * Claims the next job of each queue of which none is in flight.
   * @returns one entry for each queue that could be looked at: those that are paused, shared, gone, being settled, or in the
   * hands of somebody else just now are not among them; or 'fenced'
   */
  async claim(fence: Fence, queues: readonly string[]): Promise<OrderedClaim[] | 'fenced'> {
    const rows = await this.prisma.query<Row>(CLAIM_IN_ORDER, fence.election, fence.epoch, queues);
    if (rows.length === 0 && !(await this.epochs.stands(fence))) return 'fenced';
    return rows.map(({ queue, busy, stale, dueInMs, id, delivery, type, priority, runAtMs }) => ({
      queue,
      busy,
      stale,
      dueInMs,
      job:
        id === null || delivery === null || type === null || priority === null || runAtMs === null
          ? null
          : { id, delivery, type, queue, priority, runAtMs, dueInMs: 0 },
    }));
  }
}
