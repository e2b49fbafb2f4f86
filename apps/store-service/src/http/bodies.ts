/** What request bodies may be beyond JSON of the usual size: what holds many jobs is larger, and a batch may be one JSON text a line (NDJSON). */
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** Largest request body, in bytes. */
export const BODY_LIMIT_BYTES = 256 * 1024;
/** Largest body of a batch or a workflow, in bytes. */
export const BATCH_LIMIT_BYTES = 32 * 1024 * 1024;

/** Routes that take many jobs at once. */
const BATCHES = new Set(['/api/v1/jobs/batch', '/api/v1/workflows', '/api/v1/leases/batch']);

export function acceptBatches(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('onRoute', (route) => {
    if (BATCHES.has(route.url)) route.bodyLimit = BATCH_LIMIT_BYTES;
  });
  // As it is: only the route for batches knows what to do with a text.
  fastify.addContentTypeParser('application/x-ndjson', { parseAs: 'string' }, (_request, body, done) => {
    done(null, body);
  });
}
