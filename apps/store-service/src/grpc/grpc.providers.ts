/** Everything behind the gRPC port, for the dependency injection of the store. */
import type { Provider } from '@nestjs/common';
import type { Logger } from '#common/logging/logger.js';
import { AccessService } from '../access/access.service.js';
import { COORDINATOR_PROTO, CoordinatorGrpcService } from '../compat/coordinator.service.js';
import { SCHEDULER_PROTO, SchedulerGrpcServices } from '../compat/scheduler.service.js';
import { ShellCommands } from '../compat/shell-commands.js';
import type { StoreEnvironment } from '../environment.js';
import { JobWatcher } from '../events/job-watcher.js';
import { GrpcServer } from './grpc-server.js';
import { HEALTH_PROTO, HealthGrpcService } from './health.service.js';
import { JOBS_PROTO, JobsGrpcService } from './jobs.service.js';
import { WORKERS_PROTO, WorkersGrpcService } from './workers.service.js';

export function grpcProviders(
  { STORE_SERVICE_HOST, SERVER_PORT }: StoreEnvironment,
  log: Logger,
): Provider[] {
  return [
    JobWatcher,
    ShellCommands,
    JobsGrpcService,
    WorkersGrpcService,
    SchedulerGrpcServices,
    CoordinatorGrpcService,
    HealthGrpcService,
    {
      provide: GrpcServer,
      inject: [
        JobsGrpcService,
        WorkersGrpcService,
        SchedulerGrpcServices,
        CoordinatorGrpcService,
        HealthGrpcService,
        AccessService,
      ],
      useFactory: (
        jobs: JobsGrpcService,
        workers: WorkersGrpcService,
        scheduler: SchedulerGrpcServices,
        coordinator: CoordinatorGrpcService,
        health: HealthGrpcService,
        access: AccessService,
      ) => {
        const services = [jobs.service, workers.service, ...scheduler.services, coordinator.service];
        health.knows(services.map(({ name }) => name));
        return new GrpcServer({
          host: STORE_SERVICE_HOST,
          port: SERVER_PORT,
          services: [...services, health.service],
          protos: [JOBS_PROTO, WORKERS_PROTO, SCHEDULER_PROTO, COORDINATOR_PROTO, HEALTH_PROTO],
          access,
          log,
        });
      },
    },
  ];
}
