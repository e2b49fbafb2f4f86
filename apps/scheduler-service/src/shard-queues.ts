/** The queues of the shards that this process leads, and which of them have limits: looked up on a hint, and now and then. */
import { Injectable } from '@nestjs/common';
import type { Term } from '#common/coordination/leader-election.js';
import { FeedRepository, type Shard, type ShardQueue } from '#common/database/feed.repository.js';
import { QueueRepository } from '#common/database/queue.repository.js';

/** What is known of the queues of one shard. Nothing of a paused queue is claimed, so those are missing. */
export interface KnownQueues {
  /** Queues without limits, and without jobs that have keys. */
  readonly plain: readonly string[];
  readonly limited: readonly string[];
  /** Queues in strict order, which their elected executor drains. */
  readonly ordered: readonly string[];
  /** Claims of plain queues name it: they change no row once the settings are others. */
  readonly settingsVersion: string;
}

interface Look {
  readonly known: KnownQueues;
  readonly at: number;
}

@Injectable()
export class ShardQueues {
  readonly #looks = new Map<number, Look>();
  /** The look that is under way for a shard: its feeders share it. */
  readonly #under = new Map<number, Promise<KnownQueues>>();
  /** Bumped when what a look under way finds is no longer good enough to be kept. */
  #generation = 0;

  constructor(
    private readonly repository: FeedRepository,
    private readonly queues: QueueRepository,
  ) {}

  /** What is known, looked up anew unless that was done less than `maxAgeMs` ago. */
  async look(term: Term, shard: Shard, maxAgeMs: number): Promise<KnownQueues> {
    const last = this.#looks.get(shard.number);
    if (last !== undefined && performance.now() - last.at < maxAgeMs) return last.known;
    const under = this.#under.get(shard.number);
    if (under !== undefined) return under;
    const look = this.#lookUp(term, shard).finally(() => {
      if (this.#under.get(shard.number) === look) this.#under.delete(shard.number);
    });
    this.#under.set(shard.number, look);
    return look;
  }

  /** Makes the next look go to the database. */
  forget(): void {
    this.#generation += 1;
    this.#looks.clear();
    this.#under.clear();
  }

  async #lookUp(term: Term, shard: Shard): Promise<KnownQueues> {
    const at = performance.now();
    const generation = this.#generation;
    const { queues, settingsVersion } = await this.repository.queuesOf(shard, term.election);
    // Whoever changed the settings does this; it may have died.
    for (const { name, settled } of queues) if (!settled) await this.queues.settle(name);
    const claimable = queues.filter(({ paused }) => !paused);
    const names = (wanted: readonly ShardQueue[]) => wanted.map(({ name }) => name);
    const known = {
      plain: names(claimable.filter(({ limited, drain }) => !limited && drain === 'shared')),
      limited: names(claimable.filter(({ limited, drain }) => limited && drain === 'shared')),
      ordered: names(claimable.filter(({ drain }) => drain === 'leader')),
      settingsVersion,
    };
    if (generation === this.#generation) this.#looks.set(shard.number, { known, at });
    return known;
  }
}
