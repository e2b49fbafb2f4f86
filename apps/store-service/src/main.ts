/** Runs the store: the public face of Triumvir. */
import 'reflect-metadata';
import { runService } from '#common/runtime/service.js';
import { taskError } from './compat/task-errors.js';
import { storeEnvironment } from './environment.js';
import { guardRoutes } from './access/access-guard.js';
import { acceptBatches, acceptUndeclaredJson, BODY_LIMIT_BYTES } from './http/bodies.js';
import { ProblemFilter } from './http/problem.filter.js';
import { refuseForeignPages } from './http/foreign-pages.js';
import { linkNextPages } from './http/next-link.js';
import { StoreModule } from './store.module.js';

await runService({
  name: 'store-service',
  environment: storeEnvironment,
  listen: (environment) => ({ host: environment.STORE_SERVICE_HOST, port: environment.STORE_SERVICE_PORT }),
  module: (context) => StoreModule.register(context),
  bodyLimitBytes: BODY_LIMIT_BYTES,
  guard: (app, host) => {
    refuseForeignPages(app, host);
    guardRoutes(app);
    acceptBatches(app);
    acceptUndeclaredJson(app);
    linkNextPages(app);
  },
  errors: (log) => new ProblemFilter(log, taskError),
});
