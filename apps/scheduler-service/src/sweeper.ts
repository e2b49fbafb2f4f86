/**
 * Sweeps (T3): makes jobs claimable again whose delivery BullMQ does not hold, because Redis lost it, because its
 * publisher died between claim and publication, or because the executor that took it died before the start.
 */
import { Injectable } from '@nestjs/common';
import type { Term } from '#common/coordination/leader-election.js';
import { FeedRepository, type OverdueDelivery, type Shard } from '#common/database/feed.repository.js';
import type { Logger } from '#common/logging/logger.js';
import { DeliveryPublisher } from '#common/queue/delivery-publisher.js';
import { InjectLogger } from '#common/logging/inject-logger.js';

/** A delivery that is older than this and does not wait in BullMQ is lost, in milliseconds. */
const OVERDUE_MS = 3000;
/** A younger delivery may just be on its way from claim to publication, in milliseconds. */
const IN_FLIGHT_MS = 250;
/** Deliveries looked at in one round; feeding keeps the number below this. */
const SWEEP_LIMIT = 20_000;

@Injectable()
export class Sweeper {
  constructor(
    private readonly repository: FeedRepository,
    private readonly publisher: DeliveryPublisher,
    @InjectLogger() private readonly log: Logger,
  ) {}

  /**
   * One round over the queues of a shard.
   * @param suspicious true when a server was away, feeding failed or the leader is new: then young deliveries are checked too
   * @returns how many jobs were made claimable again
   */
  async sweep(term: Term, shard: Shard, suspicious: boolean): Promise<number> {
    if (!this.publisher.connected) return 0;
    const emptied = !(await this.publisher.isMarked(shard.number));
    const swept = await this.#takeBackLost(term, shard, suspicious || emptied ? IN_FLIGHT_MS : OVERDUE_MS);
    if (swept === 'fenced') {
      term.fenced();
      return 0;
    }
    if (swept > 0) this.log.warn('swept deliveries that the queue had lost', { swept, emptied, suspicious });
    // Not before: after a look that failed half-way the next one has to know too that Redis was emptied.
    if (emptied) await this.publisher.mark(shard.number);
    return swept;
  }

  async #takeBackLost(term: Term, shard: Shard, ageMs: number): Promise<number | 'fenced'> {
    const overdue = await this.repository.findOverdue(shard, ageMs, SWEEP_LIMIT);
    const lost = overdue.length === 0 ? [] : await this.#notWaiting(overdue);
    return lost.length === 0 ? 0 : this.repository.takeBack(term, lost);
  }

  async #notWaiting(overdue: readonly OverdueDelivery[]): Promise<OverdueDelivery[]> {
    const waiting = new Set<string>();
    for (const queue of new Set(overdue.map(({ queue }) => queue))) {
      for (const delivery of await this.publisher.waiting(queue)) waiting.add(delivery);
    }
    return overdue.filter(({ jobId, delivery }) => !waiting.has(`${jobId}:${delivery}`));
  }
}
