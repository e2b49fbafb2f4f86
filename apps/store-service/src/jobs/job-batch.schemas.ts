/** What clients may send in a batch: JSON, or one JSON text a line. */
import { z } from 'zod';
import { flagInQuery } from '../http/fields.js';
import { createJobSchema } from './job.schemas.js';

/** Most jobs in one batch. */
const MAX_BATCH = 10_000;

const jobs = z
  .array(z.unknown())
  .min(1, `must hold 1 to ${MAX_BATCH} jobs`)
  .max(MAX_BATCH, `must hold 1 to ${MAX_BATCH} jobs`);

/** NDJSON arrives as a text. */
export const batchBodySchema = z
  .unknown()
  .transform((body, context) => {
    if (typeof body !== 'string') return body;
    const lines = body.split('\n');
    const items: unknown[] = [];
    for (const [index, line] of lines.entries()) {
      if (line.trim() === '') continue;
      try {
        items.push(JSON.parse(line));
      } catch {
        context.issues.push({
          code: 'custom',
          path: [`line ${index + 1}`],
          message: 'is not valid JSON',
          input: line,
        });
        return z.NEVER;
      }
    }
    return { jobs: items };
  })
  .pipe(z.strictObject({ jobs }));

/** A batch as the document shows it: each of the jobs is checked by itself, later. */
export const shownBatchSchema = z
  .strictObject({ jobs: z.array(createJobSchema).min(1).max(MAX_BATCH) })
  .meta({ id: 'NewBatch', description: 'Jobs to be submitted together.' });

export const batchQuerySchema = z.strictObject({
  atomic: flagInQuery.default(false).describe('true stores all of the jobs or none.'),
});
