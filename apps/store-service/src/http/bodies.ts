/**
 * What request bodies may be beyond JSON of the usual size: what holds many jobs is larger, a batch may be one JSON text a
 * line (NDJSON), which is read as it comes, and clients of another scheduler do not say that what they send is JSON.
 */
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { NDJSON, tooLarge } from './ndjson.js';
import { Problem } from './problem.js';

/** Largest request body, in bytes. */
export const BODY_LIMIT_BYTES = 256 * 1024;
/** Largest body of a batch or a workflow, in bytes. */
export const BATCH_LIMIT_BYTES = 32 * 1024 * 1024;

/** The route whose body may be lines. */
const OF_LINES = '/api/v1/jobs/batch';
/** Routes that take many jobs at once. */
const BATCHES = new Set([OF_LINES, '/api/v1/workflows', '/api/v1/leases/batch']);

export function acceptBatches(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('onRoute', (route) => {
    if (BATCHES.has(route.url)) route.bodyLimit = BATCH_LIMIT_BYTES;
  });
  // Its reader counts the bytes; one that is said to be too large is not even begun.
  fastify.addContentTypeParser(NDJSON, (request, body, done) => {
    if (request.routeOptions.url !== OF_LINES) done(notJson());
    else if (Number(request.headers['content-length']) > BATCH_LIMIT_BYTES) done(tooLarge(BATCH_LIMIT_BYTES));
    else done(null, body);
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
    done(notJson());
  });
}

function notJson(): Problem {
  return new Problem(
    'unsupported-media-type',
    'Send the body as JSON, with the header content-type: application/json.',
  );
}
