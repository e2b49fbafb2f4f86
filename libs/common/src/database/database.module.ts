/** Everything that reaches Postgres, for the dependency injection of one service. */
import { Module, type DynamicModule } from '@nestjs/common';
import type { DatabaseEnvironment } from '#common/config/environment.js';
import { EpochStore } from '#common/coordination/epoch-store.js';
import type { Logger } from '#common/logging/logger.js';
import { ApiKeyRepository } from './api-key.repository.js';
import { AuditRepository } from './audit.repository.js';
import { DeadLetterRepository } from './dead-letter.repository.js';
import { ExecutorRepository } from './executor.repository.js';
import { ExpiryRepository } from './expiry.repository.js';
import { FeedRepository } from './feed.repository.js';
import { FiringRepository } from './firing.repository.js';
import { LiveOutputRepository } from './live-output.repository.js';
import { JobTypeRepository } from './job-type.repository.js';
import { JobRepository } from './job.repository.js';
import { KeyedSubmissionRepository } from './keyed-submission.repository.js';
import { LeaderEpochs } from './leader-epochs.js';
import { LeaseRepository } from './lease.repository.js';
import { LeasingRepository } from './leasing.repository.js';
import { LimitedFeedRepository } from './limited-feed.repository.js';
import { HintListener, Notifier } from './notifications.js';
import { OrderedFeedRepository } from './ordered-feed.repository.js';
import { ParentRepository } from './parent.repository.js';
import { PrismaService } from './prisma.service.js';
import { ProgressRepository } from './progress.repository.js';
import { PruneRepository } from './prune.repository.js';
import { QueueRepository } from './queue.repository.js';
import { RunRepository } from './run.repository.js';
import { ScheduleRepository } from './schedule.repository.js';
import { WhyRepository } from './why.repository.js';
import { WorkerPollRepository } from './worker-poll.repository.js';
import { WorkflowRepository } from './workflow.repository.js';
import { WorkflowUpkeepRepository } from './workflow-upkeep.repository.js';

const REPOSITORIES = [
  ApiKeyRepository,
  AuditRepository,
  DeadLetterRepository,
  ExecutorRepository,
  ExpiryRepository,
  FeedRepository,
  FiringRepository,
  JobRepository,
  JobTypeRepository,
  LiveOutputRepository,
  KeyedSubmissionRepository,
  LeaderEpochs,
  LeaseRepository,
  LeasingRepository,
  LimitedFeedRepository,
  Notifier,
  OrderedFeedRepository,
  ParentRepository,
  ProgressRepository,
  PruneRepository,
  QueueRepository,
  RunRepository,
  ScheduleRepository,
  WhyRepository,
  WorkerPollRepository,
  WorkflowRepository,
  WorkflowUpkeepRepository,
];

@Module({})
export class DatabaseModule {
  /**
   * @param applicationName what the connections are called in pg_stat_activity
   * @param sessionOptions settings of each connection, such as LOOKUPS_ONLY
   */
  static register(
    environment: DatabaseEnvironment,
    applicationName: string,
    log: Logger,
    sessionOptions?: string,
  ): DynamicModule {
    return {
      module: DatabaseModule,
      global: true,
      providers: [
        {
          provide: PrismaService,
          useFactory: () => new PrismaService(environment, applicationName, log, sessionOptions),
        },
        { provide: HintListener, useFactory: () => new HintListener(environment, log) },
        { provide: EpochStore, useExisting: LeaderEpochs },
        ...REPOSITORIES,
      ],
      exports: [PrismaService, HintListener, EpochStore, ...REPOSITORIES],
    };
  }
}
