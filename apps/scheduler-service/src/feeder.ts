/**
 * Feeds: claims due jobs in Postgres (T1) and publishes them to BullMQ (T2). There is one feeder for each shard, run by
 * its leader. It keeps BullMQ shallow, sleeps until exactly the next job is due, and is woken by submissions.
 */
import { Injectable } from '@nestjs/common';
import type { Term } from '#common/coordination/leader-election.js';
import {
  FeedRepository,
  type ClaimedJob,
  type QueueDepth,
  type Shard,
} from '#common/database/feed.repository.js';
import { feedTarget } from '#common/domain/feed-target.js';
import { pack } from '#common/domain/packing.js';
import { DeliveryPublisher } from '#common/queue/delivery-publisher.js';
import { Capacity } from './capacity.js';

/** Most jobs claimed by one statement, so that no claim holds its locks for long. */
const CLAIM_LIMIT = 2000;
/** A queue is filled up again when less than this share of its target is left. */
const REFILL_BELOW = 0.5;
/** Pause while the queues are full and a backlog waits, in milliseconds: the executors need a moment. */
const FULL_PAUSE_MS = 20;
/** The safety net: without any hint the feeder looks this often, in milliseconds. */
const POLL_MS = 1000;

@Injectable()
export class Feeder {
  constructor(
    private readonly repository: FeedRepository,
    private readonly publisher: DeliveryPublisher,
    private readonly capacity: Capacity,
  ) {}

  /**
   * One round over the queues of a shard.
   * @returns how long nothing will be due, in milliseconds
   * @throws when Postgres or Redis is away; what was claimed and not published is swept later
   */
  async feed(term: Term, shard: Shard): Promise<number> {
    // Claiming what cannot be published would only make work for the sweep.
    if (!this.publisher.connected) return POLL_MS;
    await this.capacity.refresh();
    const depths = await this.repository.depths(shard);
    const rooms = this.#rooms(depths);
    if (rooms.size > 0) {
      const claimed = await this.repository.claimDue(term, rooms);
      if (claimed === 'fenced') {
        term.fenced();
        return 0;
      }
      await this.#publish(claimed);
      if (claimed.length > 0) return 0;
    }
    return this.#pauseMs(depths);
  }

  /** For each queue with something due and somebody to run it: how many more jobs it may hold. */
  #rooms(depths: readonly QueueDepth[]): Map<string, number> {
    const rooms = new Map<string, number>();
    for (const { queue, depth, nextDueInMs } of depths) {
      const target = feedTarget(this.capacity.slots(queue), this.capacity.overallMeanMs(queue));
      if (nextDueInMs === null || nextDueInMs > 0 || depth > target * REFILL_BELOW || depth >= target)
        continue;
      rooms.set(queue, Math.min(target - depth, CLAIM_LIMIT));
    }
    return rooms;
  }

  async #publish(claimed: readonly ClaimedJob[]): Promise<void> {
    for (const [queue, jobs] of groupByQueue(claimed)) {
      const envelopes = pack(jobs, (type) => this.capacity.meanMs(queue, type), this.capacity.slots(queue));
      await this.publisher.publish(
        queue,
        envelopes.map((envelope) => envelope.map(({ id, delivery }) => ({ jobId: id, delivery }))),
      );
    }
  }

  #pauseMs(depths: readonly QueueDepth[]): number {
    let pauseMs = POLL_MS;
    for (const { queue, nextDueInMs } of depths) {
      if (nextDueInMs === null || this.capacity.slots(queue) === 0) continue;
      // Due already and not claimed: its queue is full.
      pauseMs = Math.min(pauseMs, nextDueInMs > 0 ? nextDueInMs : FULL_PAUSE_MS);
    }
    return pauseMs;
  }
}

function groupByQueue(claimed: readonly ClaimedJob[]): Map<string, ClaimedJob[]> {
  const groups = new Map<string, ClaimedJob[]>();
  for (const job of claimed) {
    const group = groups.get(job.queue);
    if (group === undefined) groups.set(job.queue, [job]);
    else group.push(job);
  }
  return groups;
}
