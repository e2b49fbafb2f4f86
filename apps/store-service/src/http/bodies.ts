/**
 * What request bodies may be beyond JSON of the usual size: what holds many jobs is larger, a batch may be one JSON text a
 * line (NDJSON), and clients of another scheduler do not say that what they send is JSON.
 */
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Problem } from './problem.js';

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

/** Routes whose clients send JSON as `curl -d` does, which calls it a form, or without a content type. */
const UNDECLARED = new Set(['/schedule']);
const FORM = /^application\/x-www-form-urlencoded(;|$)/i;

/** A form of a web page's gets this far too; it carries its Origin, by which it has been refused before its body is read. */
export function acceptUndeclaredJson(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance();
  const parseJson = fastify.getDefaultJsonParser('error', 'error');
  fastify.addContentTypeParser('*', { parseAs: 'string' }, (request, body, done) => {
    const declared = request.headers['content-type'] ?? '';
    const isTaken =
      UNDECLARED.has(request.routeOptions.url ?? '') && (declared === '' || FORM.test(declared));
    if (isTaken) return parseJson(request, body as string, done);
    done(
      new Problem(
        'unsupported-media-type',
        'Send the body as JSON, with the header content-type: application/json.',
      ),
    );
  });
}
