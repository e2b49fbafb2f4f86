/**
 * All that a leader does, on one page: for the queues of its shard it feeds and sweeps, and the leader of the first
 * shard fires the schedules, keeps the workflows, expires, prunes, and brings forgotten queues back, until its term ends.
 */
import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { LeaderElection, type Term } from '#common/coordination/leader-election.js';
import type { Shard } from '#common/database/feed.repository.js';
import { QueueRepository } from '#common/database/queue.repository.js';
import { HintListener } from '#common/database/notifications.js';
import { InjectLogger } from '#common/logging/inject-logger.js';
import type { Logger } from '#common/logging/logger.js';
import { DeliveryPublisher } from '#common/queue/delivery-publisher.js';
import { Alarm } from '#common/runtime/alarm.js';
import { repeat } from '#common/runtime/repeat.js';
import { Expirer } from './expirer.js';
import { Feeder } from './feeder.js';
import { LimitedFeeder } from './limited-feeder.js';
import { OrderedFeeder } from './ordered-feeder.js';
import { Pruner } from './pruner.js';
import { ScheduleFirer } from './schedule-firer.js';
import { ShardQueues } from './shard-queues.js';
import { Sweeper } from './sweeper.js';
import { WorkflowKeeper } from './workflow-keeper.js';

/** Pause between two sweeps, in milliseconds. */
const SWEEP_EVERY_MS = 1000;
/** So long after a doubt about what was handed over a look settles it, in milliseconds: all it is about is old enough then. */
const SETTLED_MS = 500;
/** Pause between two looks for queues that have jobs and were deleted, in milliseconds. */
const RESTORE_EVERY_MS = 5000;

@Injectable()
export class LeaderDuties implements OnApplicationBootstrap {
  constructor(
    private readonly shards: number,
    private readonly election: LeaderElection,
    private readonly queues: ShardQueues,
    private readonly allQueues: QueueRepository,
    private readonly feeder: Feeder,
    private readonly limitedFeeder: LimitedFeeder,
    private readonly orderedFeeder: OrderedFeeder,
    private readonly firer: ScheduleFirer,
    private readonly keeper: WorkflowKeeper,
    private readonly sweeper: Sweeper,
    private readonly expirer: Expirer,
    private readonly pruner: Pruner,
    private readonly publisher: DeliveryPublisher,
    private readonly hints: HintListener,
    @InjectLogger() private readonly log: Logger,
  ) {}

  /** Stands for election in every shard. The coordination module resigns when the process ends. */
  onApplicationBootstrap(): void {
    for (let number = 0; number < this.shards; number += 1) {
      this.election.campaign(`scheduler/shard-${number}`, (term) =>
        this.#lead(term, { number, of: this.shards }),
      );
    }
  }

  async #lead(term: Term, shard: Shard): Promise<void> {
    const { signal, epoch } = term;
    const log = this.log.child({ shard: shard.number, epoch });
    const work = new Alarm();
    const limitedWork = new Alarm();
    const orderedWork = new Alarm();
    const deletions = new Alarm();
    const suspicion = new Alarm();
    const schedules = new Alarm();
    const workflows = new Alarm();
    const lookBack = () => {
      this.feeder.lookBack();
      this.limitedFeeder.lookBack();
      work.ring();
      limitedWork.ring();
      orderedWork.ring();
    };
    // A new leader does not know what its predecessor published in its last moments. What Redis was told while it was
    // away, or Postgres committed without waiting for the disk before it went down, may be gone. And what failed may
    // have been claimed, and the answer lost.
    let doubtedAt: number | undefined = performance.now();
    const doubt = () => {
      doubtedAt = performance.now();
      suspicion.ring();
      // Claims that Postgres has forgotten, too.
      lookBack();
    };
    const feeding = (duty: string, alarm: Alarm, feed: () => Promise<number>) => {
      let failed = false;
      return repeat({ duty, signal, log, alarm }, async () => {
        try {
          const pauseMs = await feed();
          if (failed) doubt();
          failed = false;
          return pauseMs;
        } catch (error) {
          failed = true;
          throw error;
        }
      });
    };
    const ringWork = () => {
      work.ring();
      this.limitedFeeder.wake('work');
      limitedWork.ring();
      orderedWork.ring();
    };
    const ringRoom = () => {
      this.limitedFeeder.wake('room');
      limitedWork.ring();
      orderedWork.ring();
    };
    const ringSchedules = () => schedules.ring();
    const ringWorkflows = () => workflows.ring();
    const serverCameBack = () => {
      doubt();
      schedules.ring();
      workflows.ring();
    };
    const lookAnew = () => {
      this.queues.forget();
      lookBack();
      deletions.ring();
    };
    this.hints
      .on('work', ringWork)
      .on('room', ringRoom)
      .on('schedules', ringSchedules)
      .on('workflows', ringWorkflows)
      .on('queues', lookAnew)
      .on('listening', serverCameBack);
    this.publisher.on('connected', serverCameBack);
    log.info('leading');
    try {
      await Promise.all([
        feeding('feed', work, () => this.feeder.feed(term, shard)),
        feeding('feed limited queues', limitedWork, () => this.limitedFeeder.feed(term, shard)),
        feeding('feed ordered queues', orderedWork, () => this.orderedFeeder.feed(term, shard)),
        repeat({ duty: 'sweep', signal, log, alarm: suspicion }, async () => {
          const [doubted, lookedAt] = [doubtedAt, performance.now()];
          // What a sweep took back whose answer was lost is claimable too.
          let swept = Infinity;
          try {
            swept = await this.sweeper.sweep(term, shard, doubted !== undefined);
          } finally {
            if (swept > 0) lookBack();
          }
          if (doubted === doubtedAt && doubted !== undefined && lookedAt - doubted >= SETTLED_MS)
            doubtedAt = undefined;
          return SWEEP_EVERY_MS;
        }),
        ...(shard.number === 0
          ? [
              repeat({ duty: 'fire', signal, log, alarm: schedules }, () => this.firer.fire(term)),
              repeat({ duty: 'keep workflows', signal, log, alarm: workflows }, () => this.keeper.keep(term)),
              repeat({ duty: 'expire', signal, log }, () => this.expirer.expire(term)),
              repeat({ duty: 'prune', signal, log }, () => this.pruner.prune(term)),
              repeat({ duty: 'restore queues', signal, log, alarm: deletions }, async () => {
                const queues = await this.allQueues.restoreForgotten();
                if (queues.length > 0) log.info('restored queues that have jobs', { queues });
                return RESTORE_EVERY_MS;
              }),
            ]
          : []),
      ]);
    } finally {
      this.hints
        .off('work', ringWork)
        .off('room', ringRoom)
        .off('schedules', ringSchedules)
        .off('workflows', ringWorkflows)
        .off('queues', lookAnew)
        .off('listening', serverCameBack);
      this.publisher.off('connected', serverCameBack);
      log.info('no longer leading');
    }
  }
}
