/** Runs the store: the public face of Triumvir. */
import 'reflect-metadata';
import { runService } from '#common/runtime/service.js';
import { storeEnvironment } from './environment.js';
import { ProblemFilter } from './http/problem.filter.js';
import { refuseForeignPages } from './http/foreign-pages.js';
import { StoreModule } from './store.module.js';

/** Largest request body, in bytes. */
const BODY_LIMIT_BYTES = 256 * 1024;

await runService({
  name: 'store-service',
  environment: storeEnvironment,
  listen: (environment) => ({ host: environment.STORE_SERVICE_HOST, port: environment.STORE_SERVICE_PORT }),
  module: (context) => StoreModule.register(context),
  bodyLimitBytes: BODY_LIMIT_BYTES,
  guard: refuseForeignPages,
  errors: (log) => new ProblemFilter(log),
});
