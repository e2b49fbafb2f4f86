/**
 * Feeds: claims due jobs in Postgres (T1) and publishes them to BullMQ (T2). There is one feeder for each shard, run by
 * its leader. It keeps BullMQ shallow, sleeps until exactly the next job is due, and is woken by submissions.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Term } from '#common/coordination/leader-election.js';
import { FeedRepository, type ClaimedJob, type Shard } from '#common/database/feed.repository.js';
import { ClaimPositions } from '#common/domain/claim-positions.js';
import { InjectLogger } from '#common/logging/inject-logger.js';
import type { Logger } from '#common/logging/logger.js';
import { SENT_AHEAD_MS } from '#common/queue/envelope.js';
import { waitUntil } from '#common/runtime/wait-until.js';
import { Capacity } from './capacity.js';
import { groupBy, HandOver } from './hand-over.js';
import { ShardQueues, type KnownQueues } from './shard-queues.js';

/** Pause while the queues are full, in milliseconds: the executors need a moment. */
const FULL_PAUSE_MS = 20;
const MIN_PAUSE_MS = 1;
/** After a claim that found little the feeder rests for as long as that took, and no longer than this, in milliseconds. */
const MAX_GATHER_MS = 5;
/** Executors come, go and speed up slowly, and a new queue is told of by a hint; in milliseconds. */
const FRESH_MS = 500;
/** What is known is good enough for a job that waits, unless it is as old as this. */
const STALE_MS = 2500;
/** The safety net: without any hint the feeder looks this often, in milliseconds. */
const POLL_MS = 1000;

@Injectable()
export class Feeder implements BeforeApplicationShutdown {
  #positions = new ClaimPositions();
  /** Hand-overs that wait for the due time of their jobs. */
  readonly #later = new Set<Promise<void>>();

  constructor(
    private readonly repository: FeedRepository,
    private readonly queues: ShardQueues,
    private readonly capacity: Capacity,
    private readonly handOver: HandOver,
    @InjectLogger() private readonly log: Logger,
  ) {}

  /** What was claimed a moment before its due time is still handed over. */
  async beforeApplicationShutdown(): Promise<void> {
    await Promise.all(this.#later);
  }

  /** Makes the next round look at everything anew: jobs have come in behind. */
  lookBack(): void {
    // New ones: a round that is under way would say of the old ones how far it has come, and has not seen those jobs.
    this.#positions = new ClaimPositions();
  }

  /**
   * One round over the queues of a shard that have no limits.
   * @returns how long nothing will be due, in milliseconds
   * @throws when Postgres or Redis is away; what was claimed and not published is swept later
   */
  async feed(term: Term, shard: Shard): Promise<number> {
    if (!this.handOver.possible) return POLL_MS;
    // What is due goes first; who is there to run it is looked up afterwards, for the next round.
    const queues = await this.#lookAround(term, shard, STALE_MS);
    const pauseMs = await this.#feedWhatIsDue(term, queues);
    await this.#lookAround(term, shard, FRESH_MS);
    return pauseMs;
  }

  /** Learns of executors and queues, unless that was done less than `maxAgeMs` ago. */
  async #lookAround(term: Term, shard: Shard, maxAgeMs: number): Promise<KnownQueues> {
    await this.capacity.refresh(maxAgeMs);
    return this.queues.look(term, shard, maxAgeMs);
  }

  async #feedWhatIsDue(term: Term, { plain, settingsVersion }: KnownQueues): Promise<number> {
    const startedAt = performance.now();
    const served = this.handOver.served(plain);
    const rooms = await this.handOver.rooms(served);
    if (rooms.size === 0) return served.length === 0 ? POLL_MS : FULL_PAUSE_MS;

    const positions = this.#positions;
    const looksBack = positions.lookBackInMs(startedAt) <= 0;
    if (looksBack) positions.forget();
    const wanted = [...rooms].map(([queue, room]) => ({ queue, room, positions: positions.of(queue) }));
    const claimed = await this.repository.claimDue(term, wanted, settingsVersion);
    if (looksBack) positions.lookedBack(startedAt, performance.now() - startedAt);
    if (claimed.length > 0) {
      positions.advance(claimed);
      await this.handOver.publish(claimed.filter(({ dueInMs }) => dueInMs <= 0));
      this.#publishLater(claimed.filter(({ dueInMs }) => dueInMs > 0));
      // More may be due.
      if (isFull(claimed, rooms)) return 0;
      // In a stream of submissions the next ones are taken together.
      await pause(Math.min(performance.now() - startedAt, MAX_GATHER_MS));
    }
    const claimInMs = await this.repository.nextClaimInMs(
      term,
      served.map((queue) => ({ queue, room: 0, positions: positions.of(queue) })),
      settingsVersion,
    );
    if (claimInMs === 'fenced') {
      term.fenced();
      return 0;
    }
    if (claimInMs === 'outdated') {
      this.queues.forget();
      return 0;
    }
    // No long sleep without a look back.
    const lookInMs = looksBack ? POLL_MS : Math.max(MIN_PAUSE_MS, positions.lookBackInMs(performance.now()));
    // It could be claimed and was not: its queue is full, or somebody holds it.
    const jobInMs = claimInMs === null ? POLL_MS : claimInMs > 0 ? claimInMs : FULL_PAUSE_MS;
    return Math.min(jobInMs, lookInMs, POLL_MS);
  }

  /** Publishes each job shortly before its due time, for which its executor waits, while the feeder goes on. */
  #publishLater(claimed: readonly ClaimedJob[]): void {
    const claimedAt = performance.now();
    for (const [dueInMs, jobs] of groupBy(claimed, (job) => Math.ceil(job.dueInMs))) {
      const dueAt = claimedAt + dueInMs;
      const published: Promise<void> = waitUntil(dueAt - SENT_AHEAD_MS)
        .then(() => this.handOver.publish(jobs, dueAt))
        .catch((error: unknown) => {
          // As after every hand-over that failed, the sweep finds them.
          this.log.warn('due jobs not handed over', { jobs: jobs.length, error });
        })
        .finally(() => this.#later.delete(published));
      this.#later.add(published);
    }
  }
}

/** Whether some queue gave all that was wanted of it. */
function isFull(claimed: readonly ClaimedJob[], rooms: ReadonlyMap<string, number>): boolean {
  const counts = new Map<string, number>();
  for (const { queue } of claimed) counts.set(queue, (counts.get(queue) ?? 0) + 1);
  return [...counts].some(([queue, count]) => count >= (rooms.get(queue) ?? 0));
}
