/** Puts the store together. */
import { Module, type DynamicModule, type OnApplicationBootstrap } from '@nestjs/common';
import { CoordinationModule } from '#common/coordination/coordination.module.js';
import { Membership } from '#common/coordination/members.js';
import { DatabaseModule } from '#common/database/database.module.js';
import { PrismaService } from '#common/database/prisma.service.js';
import { HealthController, readinessChecks } from '#common/health/health.controller.js';
import { LoggingModule } from '#common/logging/logging.module.js';
import type { ServiceContext } from '#common/runtime/service.js';
import { MetricsController } from '#common/telemetry/metrics.controller.js';
import { ClusterController } from './cluster/cluster.controller.js';
import { DeadLettersController } from './dead-letters/dead-letters.controller.js';
import type { StoreEnvironment } from './environment.js';
import { JobBatchController } from './jobs/job-batch.controller.js';
import { JobBatchService } from './jobs/job-batch.service.js';
import { JobTypes } from './jobs/job-types.js';
import { JobService } from './jobs/job.service.js';
import { JobsController } from './jobs/jobs.controller.js';
import { OpenApiController } from './openapi/openapi.controller.js';
import { QueueService } from './queues/queue.service.js';
import { QueuesController } from './queues/queues.controller.js';
import { ScheduleService } from './schedules/schedule.service.js';
import { SchedulesController } from './schedules/schedules.controller.js';
import { WorkflowService } from './workflows/workflow.service.js';
import { WorkflowsController } from './workflows/workflows.controller.js';

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
        JobBatchController,
        JobsController,
        SchedulesController,
        WorkflowsController,
        QueuesController,
        DeadLettersController,
        ClusterController,
        HealthController,
        MetricsController,
        OpenApiController,
      ],
      providers: [
        JobService,
        JobBatchService,
        ScheduleService,
        WorkflowService,
        QueueService,
        JobTypes,
        // ZooKeeper is not among them: without it the store still takes jobs and answers for them.
        readinessChecks(
          (prisma: PrismaService, types: JobTypes) => [
            { name: 'postgres', check: () => prisma.check() },
            {
              name: 'job types',
              check: () =>
                types.known.length > 0 ? undefined : 'no executor has announced its job types yet',
            },
          ],
          [PrismaService, JobTypes],
        ),
      ],
    };
  }

  onApplicationBootstrap(): void {
    this.membership.join('store');
  }
}
