/** What clients may send in a batch: JSON, or one JSON text a line. */
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { BATCH_LIMIT_BYTES } from '../http/bodies.js';
import { flagInQuery } from '../http/fields.js';
import { linesOf, type Line } from '../http/ndjson.js';
import { invalid } from '../http/validation.js';
import { createJobSchema } from './job.schemas.js';

/** Most jobs in one batch. */
const MAX_BATCH = 10_000;
const WRONG_NUMBER = `must hold 1 to ${MAX_BATCH} jobs`;

export const batchBodySchema = z.strictObject({
  jobs: z.array(z.unknown()).min(1, WRONG_NUMBER).max(MAX_BATCH, WRONG_NUMBER),
});

/**
 * The lines of a batch as they come, each a job that nobody has looked at yet.
 * @throws Problem as `linesOf` does; behind the last line that a batch may have; and when there was none
 */
export async function* batchLines(body: Readable): AsyncGenerator<Line[], void> {
  let room = MAX_BATCH;
  for await (const lines of linesOf(body, { bytes: BATCH_LIMIT_BYTES })) {
    const taken = lines.slice(0, room);
    room -= taken.length;
    if (taken.length > 0) yield taken;
    if (taken.length < lines.length) throw wrongNumber();
  }
  if (room === MAX_BATCH) throw wrongNumber();
}

function wrongNumber() {
  return invalid('validation-failed', [{ field: 'jobs', message: WRONG_NUMBER }]);
}

/** A batch as the document shows it: each of the jobs is checked by itself, later. */
export const shownBatchSchema = z
  .strictObject({ jobs: z.array(createJobSchema).min(1).max(MAX_BATCH) })
  .meta({ id: 'NewBatch', description: 'Jobs to be submitted together.' });

export const batchQuerySchema = z.strictObject({
  atomic: flagInQuery.default(false).describe('true stores all of the jobs or none.'),
});
