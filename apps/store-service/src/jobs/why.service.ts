/** Says why a job is not done yet: gathers the facts from Postgres and ZooKeeper, and lets the domain decide. */
import { Injectable } from '@nestjs/common';
import { ClusterView, type ElectionView } from '#common/coordination/cluster-view.js';
import { LeaderEpochs } from '#common/database/leader-epochs.js';
import { WhyRepository } from '#common/database/why.repository.js';
import type { Job } from '#common/domain/job.js';
import type { Reason } from '#common/domain/why-reasons.js';
import { why, type Leadership } from '#common/domain/why.js';
import type { Caller } from '../access/caller.js';

/** ZooKeeper is asked for no longer than this, in milliseconds; then it is not known who leads. */
const ASK_MS = 1000;

@Injectable()
export class WhyService {
  constructor(
    private readonly repository: WhyRepository,
    private readonly epochs: LeaderEpochs,
    private readonly cluster: ClusterView,
  ) {}

  /**
   * @returns the job and the reasons, the one that counts first; undefined when there is no such job
   * @throws Problem when its queue is beyond the caller's key; what it depends on there is not named to them
   */
  async explain(
    id: string,
    caller: Caller,
  ): Promise<{ job: Job; reasons: readonly [Reason, ...Reason[]] } | undefined> {
    const [facts, elections, epochs] = await Promise.all([
      this.repository.gather(id, caller.queuePatterns),
      this.#elections('scheduler'),
      this.epochs.list(),
    ]);
    if (facts === undefined) return undefined;
    caller.requireQueue(facts.job.queue);
    const { queueHash, ...known } = facts;
    const holders = new Map(epochs.map(({ election, holder }) => [election, holder]));
    const queueLeadership =
      facts.queue?.drain === 'leader'
        ? drainerOf(facts.job.queue, await this.#elections('executor/queues'), holders)
        : ({ kind: 'unknown' } as const);
    return {
      job: facts.job,
      reasons: why({ ...known, leadership: leadershipOf(queueHash, elections, holders), queueLeadership }),
    };
  }

  /** Undefined while ZooKeeper is away: a leader goes on without it. */
  async #elections(below: string): Promise<readonly ElectionView[] | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), ASK_MS);
    });
    try {
      return await Promise.race([this.cluster.elections(below).catch(() => undefined), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/**
 * Who leads the queues with this hash. Every scheduler stands for election in every shard, so the elections that have
 * candidates are as many as there are shards.
 * @param holders who got the newest epoch of each election
 */
export function leadershipOf(
  queueHash: number,
  elections: readonly ElectionView[] | undefined,
  holders: ReadonlyMap<string, string>,
): Leadership {
  if (elections === undefined) return { kind: 'unknown' };
  const shards = elections.filter(({ candidates }) => candidates.length > 0);
  if (shards.length === 0) return { kind: 'none', candidates: 0 };
  const name = `scheduler/shard-${queueHash % shards.length}`;
  return whoLeads(name, shards, holders);
}

/** Who drains a queue in strict order. */
export function drainerOf(
  queue: string,
  elections: readonly ElectionView[] | undefined,
  holders: ReadonlyMap<string, string>,
): Leadership {
  return elections === undefined
    ? { kind: 'unknown' }
    : whoLeads(`executor/queues/${queue}`, elections, holders);
}

/** The first in line leads once the newest epoch is its own. */
function whoLeads(
  name: string,
  elections: readonly ElectionView[],
  holders: ReadonlyMap<string, string>,
): Leadership {
  const candidates = elections.find(({ election }) => election === name)?.candidates ?? [];
  const [first] = candidates;
  return first !== undefined && holders.get(name) === first.id
    ? { kind: 'leading' }
    : { kind: 'none', candidates: candidates.length };
}
