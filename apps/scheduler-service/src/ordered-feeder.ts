/**
 * Feeds the queues that are drained in strict order by their elected executor: one job after the other, the next one when the
 * one before has ended.
 */
import { Injectable } from '@nestjs/common';
import type { Term } from '#common/coordination/leader-election.js';
import type { Shard } from '#common/database/feed.repository.js';
import { OrderedFeedRepository, type OrderedClaim } from '#common/database/ordered-feed.repository.js';
import { Capacity } from './capacity.js';
import { HandOver } from './hand-over.js';
import { ShardQueues } from './shard-queues.js';

const STALE_MS = 500;
/** When somebody else holds a queue's row, or the job whose turn it is; in milliseconds. */
const SHORT_PAUSE_MS = 20;
/** The safety net: without any hint the feeder looks this often, in milliseconds. */
const POLL_MS = 1000;

@Injectable()
export class OrderedFeeder {
  constructor(
    private readonly repository: OrderedFeedRepository,
    private readonly queues: ShardQueues,
    private readonly capacity: Capacity,
    private readonly handOver: HandOver,
  ) {}

  /**
   * One round over the ordered queues of a shard.
   * @returns how long nothing can be claimed, in milliseconds, unless a job ends or comes in before
   * @throws when Postgres or Redis is away; what was claimed and not published is swept later
   */
  async feed(term: Term, shard: Shard): Promise<number> {
    if (!this.handOver.possible) return POLL_MS;
    const { ordered } = await this.queues.look(term, shard, STALE_MS);
    if (ordered.length === 0) return POLL_MS;
    await this.capacity.refresh(STALE_MS);
    const served = this.handOver.served(ordered);
    if (served.length === 0) return POLL_MS;
    const claims = await this.repository.claim(term, served.toSorted());
    if (claims === 'fenced') {
      term.fenced();
      return 0;
    }
    await this.handOver.publish(claims.flatMap(({ job }) => job ?? []));
    return Math.min(POLL_MS, ...claims.map(pauseMs));
  }
}

function pauseMs({ busy, stale, dueInMs }: OrderedClaim): number {
  if (stale) return SHORT_PAUSE_MS;
  // Its end is told by a hint.
  if (busy || dueInMs === null) return POLL_MS;
  return dueInMs > 0 ? Math.ceil(dueInMs) : SHORT_PAUSE_MS;
}
