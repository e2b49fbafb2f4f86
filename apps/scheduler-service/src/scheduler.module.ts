/** Puts the scheduler together. */
import { Module, type DynamicModule, type OnApplicationBootstrap } from '@nestjs/common';
import { CoordinationModule } from '#common/coordination/coordination.module.js';
import { LeaderElection } from '#common/coordination/leader-election.js';
import { Membership } from '#common/coordination/members.js';
import { ZookeeperSession } from '#common/coordination/zookeeper-session.js';
import { DatabaseModule } from '#common/database/database.module.js';
import { HintListener } from '#common/database/notifications.js';
import { LOOKUPS_ONLY, PrismaService } from '#common/database/prisma.service.js';
import { PruneRepository } from '#common/database/prune.repository.js';
import { QueueRepository } from '#common/database/queue.repository.js';
import { HealthController, readinessChecks, runChecks } from '#common/health/health.controller.js';
import { LoggingModule } from '#common/logging/logging.module.js';
import { DeliveryPublisher } from '#common/queue/delivery-publisher.js';
import type { ServiceContext } from '#common/runtime/service.js';
import { MetricsController } from '#common/telemetry/metrics.controller.js';
import { Capacity } from './capacity.js';
import type { SchedulerEnvironment } from './environment.js';
import { Expirer } from './expirer.js';
import { Feeder } from './feeder.js';
import { HandOver } from './hand-over.js';
import { HandedOver } from './handed-over.js';
import { LeaderDuties } from './leader-duties.js';
import { LimitedFeeder } from './limited-feeder.js';
import { OrderedFeeder } from './ordered-feeder.js';
import { Pruner } from './pruner.js';
import { ScheduleFirer } from './schedule-firer.js';
import { ShardQueues } from './shard-queues.js';
import { Sweeper } from './sweeper.js';
import { WorkflowKeeper } from './workflow-keeper.js';

@Module({})
export class SchedulerModule implements OnApplicationBootstrap {
  constructor(
    private readonly membership: Membership,
    private readonly redis: DeliveryPublisher,
  ) {}

  static register({ environment, identity, log }: ServiceContext<SchedulerEnvironment>): DynamicModule {
    return {
      module: SchedulerModule,
      imports: [
        LoggingModule.register(log),
        DatabaseModule.register(environment, 'triumvir-scheduler', log, LOOKUPS_ONLY),
        CoordinationModule.register({ environment, identity, log }),
      ],
      controllers: [HealthController, MetricsController],
      providers: [
        readinessChecks(
          (prisma: PrismaService, zookeeper: ZookeeperSession, redis: DeliveryPublisher) => [
            { name: 'postgres', check: () => prisma.check() },
            { name: 'zookeeper', check: () => (zookeeper.connected ? undefined : 'not connected') },
            { name: 'redis', check: () => redis.check() },
          ],
          [PrismaService, ZookeeperSession, DeliveryPublisher],
        ),
        Capacity,
        Expirer,
        Feeder,
        HandOver,
        HandedOver,
        LimitedFeeder,
        OrderedFeeder,
        ScheduleFirer,
        ShardQueues,
        Sweeper,
        WorkflowKeeper,
        {
          provide: Pruner,
          inject: [PruneRepository],
          useFactory: (repository: PruneRepository) =>
            new Pruner(repository, {
              succeededMs: environment.RETENTION_SUCCEEDED,
              cancelledMs: environment.RETENTION_CANCELLED,
              expiredMs: environment.RETENTION_EXPIRED,
              deadMs: environment.RETENTION_DEAD,
              occurrencesMs: environment.RETENTION_OCCURRENCES,
              auditMs: environment.RETENTION_AUDIT,
            }),
        },
        { provide: DeliveryPublisher, useFactory: () => new DeliveryPublisher(environment, log) },
        {
          provide: LeaderDuties,
          inject: [
            LeaderElection,
            ShardQueues,
            QueueRepository,
            Feeder,
            LimitedFeeder,
            OrderedFeeder,
            ScheduleFirer,
            WorkflowKeeper,
            Sweeper,
            Expirer,
            Pruner,
            DeliveryPublisher,
            HintListener,
          ],
          useFactory: (
            election: LeaderElection,
            queues: ShardQueues,
            allQueues: QueueRepository,
            feeder: Feeder,
            limitedFeeder: LimitedFeeder,
            orderedFeeder: OrderedFeeder,
            firer: ScheduleFirer,
            keeper: WorkflowKeeper,
            sweeper: Sweeper,
            expirer: Expirer,
            pruner: Pruner,
            publisher: DeliveryPublisher,
            hints: HintListener,
          ) =>
            new LeaderDuties(
              environment.SCHEDULER_SHARDS,
              election,
              queues,
              allQueues,
              feeder,
              limitedFeeder,
              orderedFeeder,
              firer,
              keeper,
              sweeper,
              expirer,
              pruner,
              publisher,
              hints,
              log,
            ),
        },
      ],
    };
  }

  onApplicationBootstrap(): void {
    // For the store, which does not ask Redis itself.
    this.membership.join('scheduler', () => runChecks([{ name: 'redis', check: () => this.redis.check() }]));
  }
}
