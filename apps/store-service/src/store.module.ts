/** Puts the store together. */
import { Module, type DynamicModule, type OnApplicationBootstrap } from '@nestjs/common';
import { CoordinationModule } from '#common/coordination/coordination.module.js';
import { Membership } from '#common/coordination/members.js';
import { DatabaseModule } from '#common/database/database.module.js';
import { BulkRepository } from '#common/database/bulk.repository.js';
import { EventRepository } from '#common/database/event.repository.js';
import { JobSearchRepository, SEARCH_OPTIONS } from '#common/database/job-search.repository.js';
import { LOOKUPS_ONLY, PrismaService } from '#common/database/prisma.service.js';
import { HealthController, readinessChecks } from '#common/health/health.controller.js';
import { LoggingModule } from '#common/logging/logging.module.js';
import type { ServiceContext } from '#common/runtime/service.js';
import { MetricsController } from '#common/telemetry/metrics.controller.js';
import { AccessService } from './access/access.service.js';
import { AccessSettings } from './access/access-settings.js';
import { KeyDirectory } from './access/key-directory.js';
import { KeyService } from './access/key.service.js';
import { KeysController } from './access/keys.controller.js';
import { AuditController } from './audit/audit.controller.js';
import { AuditLog } from './audit/audit-log.js';
import { BulkController } from './bulk/bulk.controller.js';
import { BulkRunner } from './bulk/bulk-runner.js';
import { BulkService } from './bulk/bulk.service.js';
import { ClusterController } from './cluster/cluster.controller.js';
import { DeadLettersController } from './dead-letters/dead-letters.controller.js';
import { TaskMasterController } from './compat/taskmaster.controller.js';
import { TaskQueueController } from './compat/task-queue.controller.js';
import type { StoreEnvironment } from './environment.js';
import { grpcProviders } from './grpc/grpc.providers.js';
import { EventFeed } from './events/event-feed.js';
import { EventsController } from './events/events.controller.js';
import { OpenStreams } from './http/open-streams.js';
import { JobBatchController } from './jobs/job-batch.controller.js';
import { JobBatchService } from './jobs/job-batch.service.js';
import { FollowedJobs } from './jobs/followed-jobs.js';
import { JobTypes } from './jobs/job-types.js';
import { JobService } from './jobs/job.service.js';
import { JobsController } from './jobs/jobs.controller.js';
import { OutputController } from './jobs/output.controller.js';
import { WhyController } from './jobs/why.controller.js';
import { WhyService } from './jobs/why.service.js';
import { OpenApiController } from './openapi/openapi.controller.js';
import { QueueService } from './queues/queue.service.js';
import { QueuesController } from './queues/queues.controller.js';
import { ScheduleService } from './schedules/schedule.service.js';
import { SchedulesController } from './schedules/schedules.controller.js';
import { WorkflowService } from './workflows/workflow.service.js';
import { WorkflowsController } from './workflows/workflows.controller.js';
import { LeaseBatchService } from './workers/lease-batch.service.js';
import { LeaseDesk } from './workers/lease-desk.js';
import { PollNotes } from './workers/poll-notes.js';
import { LeaseService } from './workers/lease.service.js';
import { LeasesController } from './workers/leases.controller.js';
import { WorkerTypes } from './workers/worker-types.js';
import { WorkerTypesController } from './workers/worker-types.controller.js';

/** Events are read on connections of their own: by index whatever the statistics say, and never behind requests. */
const EVENT_DATABASE = Symbol('EVENT_DATABASE');
const EVENT_CONNECTIONS = 3;
/** So are lists, searches and bulk operations: submissions never wait behind them. What takes longer than this is given up, in milliseconds. */
const SEARCH_DATABASE = Symbol('SEARCH_DATABASE');
const SEARCH_CONNECTIONS = 4;
const SEARCH_TIMEOUT_MS = 5000;

@Module({})
export class StoreModule implements OnApplicationBootstrap {
  constructor(private readonly membership: Membership) {}

  static register({ environment, identity, log }: ServiceContext<StoreEnvironment>): DynamicModule {
    return {
      module: StoreModule,
      imports: [
        LoggingModule.register(log),
        DatabaseModule.register(environment, 'triumvir-store', log),
        CoordinationModule.register({ environment, identity, log }),
      ],
      controllers: [
        EventsController,
        JobBatchController,
        JobsController,
        OutputController,
        WhyController,
        BulkController,
        SchedulesController,
        WorkflowsController,
        QueuesController,
        DeadLettersController,
        ClusterController,
        LeasesController,
        WorkerTypesController,
        TaskMasterController,
        TaskQueueController,
        KeysController,
        AuditController,
        HealthController,
        MetricsController,
        OpenApiController,
      ],
      providers: [
        { provide: AccessSettings, useValue: new AccessSettings(environment) },
        KeyDirectory,
        AccessService,
        KeyService,
        AuditLog,
        JobService,
        JobBatchService,
        WhyService,
        BulkService,
        BulkRunner,
        ScheduleService,
        WorkflowService,
        QueueService,
        JobTypes,
        LeaseDesk,
        PollNotes,
        LeaseService,
        LeaseBatchService,
        WorkerTypes,
        ...grpcProviders(environment, log),
        EventFeed,
        FollowedJobs,
        {
          provide: OpenStreams,
          inject: [AccessService],
          useFactory: (access: AccessService) => new OpenStreams(environment.STORE_MAX_STREAMS, access),
        },
        {
          provide: EVENT_DATABASE,
          useFactory: () =>
            new PrismaService(
              { ...environment, PG_MAX_CONNS: EVENT_CONNECTIONS },
              'triumvir-events',
              log,
              LOOKUPS_ONLY,
            ),
        },
        {
          provide: EventRepository,
          inject: [EVENT_DATABASE],
          useFactory: (prisma: PrismaService) => new EventRepository(prisma),
        },
        {
          provide: SEARCH_DATABASE,
          useFactory: () =>
            new PrismaService(
              { ...environment, PG_MAX_CONNS: SEARCH_CONNECTIONS },
              'triumvir-search',
              log,
              SEARCH_OPTIONS,
              SEARCH_TIMEOUT_MS,
            ),
        },
        {
          provide: JobSearchRepository,
          inject: [SEARCH_DATABASE],
          useFactory: (prisma: PrismaService) => new JobSearchRepository(prisma),
        },
        {
          provide: BulkRepository,
          inject: [SEARCH_DATABASE],
          useFactory: (prisma: PrismaService) => new BulkRepository(prisma),
        },
        // ZooKeeper is not among them: without it the store still takes jobs and answers for them.
        readinessChecks(
          (prisma: PrismaService, types: JobTypes, keys: KeyDirectory) => [
            { name: 'postgres', check: () => prisma.check() },
            { name: 'api keys', check: () => keys.trouble },
            {
              name: 'job types',
              check: () =>
                types.known.length > 0 ? undefined : 'no executor has announced its job types yet',
            },
          ],
          [PrismaService, JobTypes, KeyDirectory],
        ),
      ],
    };
  }

  onApplicationBootstrap(): void {
    this.membership.join('store');
  }
}
