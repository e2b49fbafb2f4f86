/**
 * Feeds: claims due jobs in Postgres (T1) and publishes them to BullMQ (T2). There is one feeder for each shard, run by
 * its leader. It keeps BullMQ shallow, sleeps until exactly the next job is due, and is woken by submissions.
 */
import { Injectable } from '@nestjs/common';
import type { Term } from '#common/coordination/leader-election.js';
import {
  FeedRepository,
  type ClaimedJob,
  type Shard,
  type WantedJobs,
} from '#common/database/feed.repository.js';
import { ClaimPositions } from '#common/domain/claim-positions.js';
import { feedTarget } from '#common/domain/feed-target.js';
import { pack } from '#common/domain/packing.js';
import { DeliveryPublisher } from '#common/queue/delivery-publisher.js';
import { Capacity } from './capacity.js';
import { HandedOver } from './handed-over.js';

/** Most jobs claimed of one queue by one statement, so that no claim holds its locks for long. */
const CLAIM_LIMIT = 2000;
/** A queue is filled up again when less than this share of its target is left. */
const REFILL_BELOW = 0.5;
/** Pause while the queues are full, in milliseconds: the executors need a moment. */
const FULL_PAUSE_MS = 20;
const MIN_PAUSE_MS = 1;
/** A new queue is told of by a hint; without one it is found after this long, in milliseconds. */
const QUEUES_FRESH_MS = 1000;
/** The safety net: without any hint the feeder looks this often, in milliseconds. */
const POLL_MS = 1000;

@Injectable()
export class Feeder {
  readonly #positions = new ClaimPositions();
  #queues: readonly string[] = [];
  #queuesReadAt = -Infinity;

  constructor(
    private readonly repository: FeedRepository,
    private readonly publisher: DeliveryPublisher,
    private readonly capacity: Capacity,
    private readonly handedOver: HandedOver,
  ) {}

  /** Makes the next round look at everything anew: jobs have come in behind, or a queue is new. */
  lookBack(): void {
    this.#positions.forget();
    this.#queuesReadAt = -Infinity;
  }

  /**
   * One round over the queues of a shard.
   * @returns how long nothing will be due, in milliseconds
   * @throws when Postgres or Redis is away; what was claimed and not published is swept later
   */
  async feed(term: Term, shard: Shard): Promise<number> {
    // Claiming what cannot be published would only make work for the sweep.
    if (!this.publisher.connected) return POLL_MS;
    const startedAt = performance.now();
    await this.capacity.refresh();
    const served = (await this.#queuesOf(shard, startedAt)).filter((queue) => this.capacity.slots(queue) > 0);
    const rooms = await this.#rooms(served);
    if (rooms.size === 0) return served.length === 0 ? POLL_MS : FULL_PAUSE_MS;

    const looksBack = this.#positions.lookBackInMs(startedAt) <= 0;
    if (looksBack) this.#positions.forget();
    const wanted = [...rooms].map(([queue, room]) => this.#wanted(queue, room));
    const claimed = await this.repository.claimDue(term, wanted);
    if (looksBack) this.#positions.lookedBack(startedAt, performance.now() - startedAt);
    if (claimed.length > 0) {
      this.#positions.advance(claimed);
      await this.#publish(claimed);
      // More may be due.
      if (isFull(claimed, rooms)) return 0;
    }
    const dueInMs = await this.repository.nextDueInMs(
      term,
      served.map((queue) => this.#wanted(queue, 0)),
    );
    if (dueInMs === 'fenced') {
      term.fenced();
      return 0;
    }
    return this.#pauseMs(dueInMs, looksBack);
  }

  #pauseMs(dueInMs: number | null, lookedBack: boolean): number {
    // No long sleep without a look back.
    const lookInMs = lookedBack
      ? POLL_MS
      : Math.max(MIN_PAUSE_MS, this.#positions.lookBackInMs(performance.now()));
    // Due already and not claimed: its queue is full, or somebody holds it.
    const jobInMs = dueInMs === null ? POLL_MS : dueInMs > 0 ? dueInMs : FULL_PAUSE_MS;
    return Math.min(jobInMs, lookInMs, POLL_MS);
  }

  async #queuesOf(shard: Shard, now: number): Promise<readonly string[]> {
    if (now - this.#queuesReadAt > QUEUES_FRESH_MS) {
      this.#queues = await this.repository.queuesOf(shard);
      this.#queuesReadAt = now;
    }
    return this.#queues;
  }

  #wanted(queue: string, room: number): WantedJobs {
    return { queue, room, positions: this.#positions.of(queue) };
  }

  /** For each queue how many more jobs it may hold; queues that are more than half full are left out. */
  async #rooms(queues: readonly string[]): Promise<Map<string, number>> {
    const rooms = new Map<string, number>();
    await Promise.all(
      queues.map(async (queue) => {
        const target = feedTarget(this.capacity.slots(queue), this.capacity.overallMeanMs(queue));
        const isLow = (depth: number) => depth < target && depth <= target * REFILL_BELOW;
        let depth = this.handedOver.depth(queue);
        if (!isLow(depth)) depth = await this.handedOver.count(queue);
        if (isLow(depth)) rooms.set(queue, Math.min(target - depth, CLAIM_LIMIT));
      }),
    );
    return rooms;
  }

  async #publish(claimed: readonly ClaimedJob[]): Promise<void> {
    for (const [queue, jobs] of groupByQueue(claimed)) {
      const envelopes = pack(jobs, (type) => this.capacity.meanMs(queue, type), this.capacity.slots(queue));
      this.handedOver.published(
        queue,
        envelopes.map(({ length }) => length),
      );
      await this.publisher.publish(
        queue,
        envelopes.map((envelope) => envelope.map(({ id, delivery }) => ({ jobId: id, delivery }))),
      );
    }
  }
}

/** Whether some queue gave all that was wanted of it. */
function isFull(claimed: readonly ClaimedJob[], rooms: ReadonlyMap<string, number>): boolean {
  const counts = new Map<string, number>();
  for (const { queue } of claimed) counts.set(queue, (counts.get(queue) ?? 0) + 1);
  return [...counts].some(([queue, count]) => count >= (rooms.get(queue) ?? 0));
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
