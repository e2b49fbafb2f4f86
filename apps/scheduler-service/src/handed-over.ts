/**
 * How much of each queue waits in BullMQ, without asking Postgres: envelopes are taken in the order in which they were
 * published, so those that wait are the last ones that were.
 */
import { Injectable } from '@nestjs/common';
import { DeliveryPublisher } from '#common/queue/delivery-publisher.js';

interface Published {
  /** Sizes of the envelopes that wait, as far as they were published here, oldest first. */
  sizes: number[];
  /** Deliveries that wait; never too low, too high until it is counted again. */
  depth: number;
}

@Injectable()
export class HandedOver {
  readonly #queues = new Map<string, Published>();

  constructor(private readonly publisher: DeliveryPublisher) {}

  /** Deliveries of a queue that may still wait; an upper bound as of the last count. */
  depth(queue: string): number {
    return this.#queues.get(queue)?.depth ?? Infinity;
  }

  published(queue: string, sizes: readonly number[]): void {
    const published = this.#queues.get(queue);
    // A queue that was never counted is counted before anything is published to it.
    if (published === undefined) return;
    published.sizes.push(...sizes);
    published.depth += sum(sizes);
  }

  /** Looks how much is left. @throws when Redis is away */
  async count(queue: string): Promise<number> {
    const waiting = await this.publisher.waitingCount(queue);
    const known = this.#queues.get(queue)?.sizes ?? [];
    const sizes = waiting === 0 ? [] : known.slice(-waiting);
    // What somebody else published is taken for small.
    const depth = sum(sizes) + (waiting - sizes.length);
    this.#queues.set(queue, { sizes, depth });
    return depth;
  }
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}
