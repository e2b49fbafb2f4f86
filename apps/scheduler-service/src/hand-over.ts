/** What all feeders share: how many jobs a queue may hold in BullMQ, and the publication (T2) of those that were claimed. */
import { Injectable } from '@nestjs/common';
import type { ClaimedJob } from '#common/database/feed.repository.js';
import { feedTarget } from '#common/domain/feed-target.js';
import { pack } from '#common/domain/packing.js';
import { DeliveryPublisher } from '#common/queue/delivery-publisher.js';
import { Capacity } from './capacity.js';
import { HandedOver } from './handed-over.js';

/** Most jobs claimed of one queue by one statement, so that no claim holds its locks for long. */
const CLAIM_LIMIT = 2000;
/** A queue is filled up again when less than this share of its target is left. */
const REFILL_BELOW = 0.5;

@Injectable()
export class HandOver {
  constructor(
    private readonly publisher: DeliveryPublisher,
    private readonly capacity: Capacity,
    private readonly handedOver: HandedOver,
  ) {}

  /** Claiming what cannot be published would only make work for the sweep. */
  get possible(): boolean {
    return this.publisher.connected;
  }

  /** The queues that some living executor serves. */
  served(queues: readonly string[]): string[] {
    return queues.filter((queue) => this.capacity.slots(queue) > 0);
  }

  /**
   * For each queue how many more jobs it may hold; queues that are more than half full are left out.
   * @param horizonMs how much work is kept ready for each slot, in milliseconds of handler time; the feed target's own unless given
   * @throws when Redis is away
   */
  async rooms(queues: readonly string[], horizonMs?: number): Promise<Map<string, number>> {
    const rooms = new Map<string, number>();
    await Promise.all(
      queues.map(async (queue) => {
        const target = feedTarget(this.capacity.slots(queue), this.capacity.overallMeanMs(queue), horizonMs);
        const isLow = (depth: number) => depth < target && depth <= target * REFILL_BELOW;
        let depth = this.handedOver.depth(queue);
        if (!isLow(depth)) depth = await this.handedOver.count(queue);
        if (isLow(depth)) rooms.set(queue, Math.min(target - depth, CLAIM_LIMIT));
      }),
    );
    return rooms;
  }

  /**
   * Publishes in the order given.
   * @param dueAt when all of them are due, in milliseconds of `performance.now()`; at most SENT_AHEAD_MS from now
   * @throws when Redis is away; the sweep finds what was not published
   */
  async publish(claimed: readonly ClaimedJob[], dueAt = 0): Promise<void> {
    for (const [queue, jobs] of groupBy(claimed, ({ queue }) => queue)) {
      const envelopes = pack(
        jobs,
        (type) => this.capacity.meanMs(queue, type),
        this.capacity.slots(queue),
        this.handedOver.depth(queue),
      );
      this.handedOver.published(
        queue,
        envelopes.map(({ length }) => length),
      );
      const dueInMs = Math.max(0, dueAt - performance.now());
      await this.publisher.publish(
        queue,
        envelopes.map((envelope) => ({
          deliveries: envelope.map(({ id, delivery }) => ({ jobId: id, delivery })),
          dueInMs,
        })),
      );
    }
  }
}

export function groupBy<Item, Key>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, Item[]> {
  const groups = new Map<Key, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
