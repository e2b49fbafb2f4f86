/** Runs the executor: takes jobs from BullMQ, runs their handlers and records what became of them. */
import 'reflect-metadata';
import { fileURLToPath } from 'node:url';
import { runService } from '#common/runtime/service.js';
import { executorEnvironment } from './environment.js';
import { ExecutorModule } from './executor.module.js';
import { HandlerRegistry } from './handlers/registry.js';

const OWN_HANDLERS = fileURLToPath(new URL('./handlers', import.meta.url));

await runService({
  name: 'executor-service',
  environment: executorEnvironment,
  listen: (environment) => ({
    host: environment.EXECUTOR_SERVICE_HOST,
    port: environment.EXECUTOR_SERVICE_PORT,
  }),
  module: async (context) => {
    const { environment } = context;
    const { EXECUTOR_HANDLERS: others } = environment;
    const handlers = await HandlerRegistry.load(
      environment,
      OWN_HANDLERS,
      ...(others === undefined ? [] : [others]),
    );
    return ExecutorModule.register(context, handlers);
  },
});
