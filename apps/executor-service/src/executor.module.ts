/** Puts the executor together. */
import { randomUUID } from 'node:crypto';
import { Module, type DynamicModule, type OnApplicationBootstrap } from '@nestjs/common';
import { CoordinationModule } from '#common/coordination/coordination.module.js';
import { LeaderElection } from '#common/coordination/leader-election.js';
import { Membership } from '#common/coordination/members.js';
import { ZookeeperSession } from '#common/coordination/zookeeper-session.js';
import { DatabaseModule } from '#common/database/database.module.js';
import { ExecutorRepository, type ExecutorRegistration } from '#common/database/executor.repository.js';
import { JobTypeRepository } from '#common/database/job-type.repository.js';
import { LiveOutputRepository } from '#common/database/live-output.repository.js';
import { HintListener, Notifier } from '#common/database/notifications.js';
import { ParentRepository } from '#common/database/parent.repository.js';
import { LOOKUPS_ONLY, PrismaService } from '#common/database/prisma.service.js';
import { ProgressRepository } from '#common/database/progress.repository.js';
import { QueueRepository } from '#common/database/queue.repository.js';
import { RunRepository } from '#common/database/run.repository.js';
import { HealthController, readinessChecks, runChecks } from '#common/health/health.controller.js';
import { LoggingModule } from '#common/logging/logging.module.js';
import { DeliveryConsumer } from '#common/queue/delivery-consumer.js';
import { LeaseClock } from '#common/runtime/lease-clock.js';
import type { ServiceContext } from '#common/runtime/service.js';
import { MetricsController } from '#common/telemetry/metrics.controller.js';
import type { ExecutorEnvironment } from './environment.js';
import { HandlerRegistry } from './handlers/registry.js';
import { Heartbeat } from './heartbeat.js';
import { JobRunner } from './job-runner.js';
import { LedQueues } from './led-queues.js';
import { LiveOutput } from './live-output.js';
import { QueueConsumer } from './queue-consumer.js';
import { Reclaimer } from './reclaimer.js';

@Module({})
export class ExecutorModule implements OnApplicationBootstrap {
  constructor(
    private readonly membership: Membership,
    private readonly redis: DeliveryConsumer,
  ) {}

  static register(context: ServiceContext<ExecutorEnvironment>, handlers: HandlerRegistry): DynamicModule {
    const { environment, identity, log } = context;
    const registration: ExecutorRegistration = {
      id: randomUUID(),
      instance: identity.id,
      host: identity.host,
      pid: identity.pid,
      slots: environment.EXECUTOR_SLOTS,
      queues: environment.EXECUTOR_QUEUES,
      types: handlers.types,
    };
    const leaseClock = new LeaseClock(environment.EXECUTOR_LEASE_MS);
    return {
      module: ExecutorModule,
      imports: [
        LoggingModule.register(log),
        DatabaseModule.register(environment, 'triumvir-executor', log, LOOKUPS_ONLY),
        CoordinationModule.register({ environment, identity, log }),
      ],
      controllers: [HealthController, MetricsController],
      providers: [
        Reclaimer,
        {
          provide: JobRunner,
          inject: [RunRepository, ParentRepository, Notifier, LiveOutputRepository],
          useFactory: (
            runs: RunRepository,
            parents: ParentRepository,
            notifier: Notifier,
            outputs: LiveOutputRepository,
          ) =>
            new JobRunner(
              registration.id,
              environment,
              handlers,
              leaseClock,
              runs,
              parents,
              notifier,
              log,
              new LiveOutput(outputs, environment.EXECUTOR_OUTPUT_LIMIT_BYTES, log),
            ),
        },
        {
          provide: Heartbeat,
          inject: [
            JobRunner,
            ExecutorRepository,
            JobTypeRepository,
            RunRepository,
            ProgressRepository,
            HintListener,
            Notifier,
          ],
          useFactory: (
            runner: JobRunner,
            executors: ExecutorRepository,
            types: JobTypeRepository,
            runs: RunRepository,
            progress: ProgressRepository,
            hints: HintListener,
            notifier: Notifier,
          ) =>
            new Heartbeat(
              registration,
              environment,
              handlers,
              runner,
              leaseClock,
              executors,
              types,
              runs,
              progress,
              hints,
              notifier,
              log,
            ),
        },
        {
          provide: DeliveryConsumer,
          inject: [JobRunner],
          useFactory: (runner: JobRunner) =>
            new DeliveryConsumer(
              environment,
              { concurrency: environment.EXECUTOR_SLOTS, run: (deliveries) => runner.run(deliveries) },
              log,
            ),
        },
        {
          provide: QueueConsumer,
          inject: [DeliveryConsumer, JobRunner, Heartbeat, LeaderElection, QueueRepository, HintListener],
          useFactory: (
            consumer: DeliveryConsumer,
            runner: JobRunner,
            heartbeat: Heartbeat,
            election: LeaderElection,
            queues: QueueRepository,
            hints: HintListener,
          ) => {
            const led = new LedQueues(election, consumer, log);
            return new QueueConsumer(environment, consumer, runner, heartbeat, led, queues, hints, log);
          },
        },
        readinessChecks(
          (
            prisma: PrismaService,
            zookeeper: ZookeeperSession,
            redis: DeliveryConsumer,
            heartbeat: Heartbeat,
          ) => [
            { name: 'postgres', check: () => prisma.check() },
            { name: 'zookeeper', check: () => (zookeeper.connected ? undefined : 'not connected') },
            { name: 'redis', check: () => redis.check() },
            {
              name: 'lease',
              check: () => (heartbeat.alive ? undefined : 'not registered, or not renewed in time'),
            },
          ],
          [PrismaService, ZookeeperSession, DeliveryConsumer, Heartbeat],
        ),
      ],
    };
  }

  onApplicationBootstrap(): void {
    // For the store, which does not ask Redis itself.
    this.membership.join('executor', () => runChecks([{ name: 'redis', check: () => this.redis.check() }]));
  }
}
