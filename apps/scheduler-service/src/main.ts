/** Runs the scheduler: stands for election, and while it leads, feeds BullMQ with the jobs that are due. */
import 'reflect-metadata';
import { runService } from '#common/runtime/service.js';
import { schedulerEnvironment } from './environment.js';
import { SchedulerModule } from './scheduler.module.js';

await runService({
  name: 'scheduler-service',
  environment: schedulerEnvironment,
  listen: (environment) => ({
    host: environment.SCHEDULER_SERVICE_HOST,
    port: environment.SCHEDULER_SERVICE_PORT,
  }),
  module: (context) => SchedulerModule.register(context),
});
