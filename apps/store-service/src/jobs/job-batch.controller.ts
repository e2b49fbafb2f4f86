/** POST /api/v1/jobs/batch: up to 10,000 jobs in one request, as JSON or as one JSON text a line (NDJSON). */
import { Body, Controller, Headers, HttpCode, Post, Query } from '@nestjs/common';
import { z } from 'zod';
import { checked, ValidationPipe } from '../http/validation.js';
import { JobBatchService, type BatchResult } from './job-batch.service.js';
import { idempotencyKeySchema } from './job.schemas.js';

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

export const batchQuerySchema = z.strictObject({
  atomic: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe('true stores all of the jobs or none.'),
});

export interface BatchAnswer {
  readonly created: number;
  /** Jobs that were there already, by their Idempotency-Key or uniqueKey. */
  readonly existing: number;
  readonly rejected: number;
  /** One for each job, in the order given. */
  readonly results: readonly BatchResult[];
}

@Controller('api/v1/jobs/batch')
export class JobBatchController {
  constructor(private readonly batches: JobBatchService) {}

  /** 200: each result says what became of its job. 422: all or none were wanted and one is not accepted. */
  @Post()
  @HttpCode(200)
  async create(
    @Body({ schema: batchBodySchema, pipes: [new ValidationPipe('validation-failed')] })
    body: { jobs: unknown[] },
    @Query({ schema: batchQuerySchema, pipes: [new ValidationPipe('bad-request')] })
    { atomic }: { atomic: boolean },
    @Headers('idempotency-key') idempotencyKey: string | undefined,
  ): Promise<BatchAnswer> {
    const key = checked(idempotencyKeySchema, idempotencyKey, 'bad-request', ['Idempotency-Key']);
    const results = await this.batches.submit(body.jobs, { atomic, idempotencyKey: key });
    const rejected = results.filter((result) => 'error' in result).length;
    const created = results.filter((result) => 'created' in result && result.created).length;
    return { created, existing: results.length - rejected - created, rejected, results };
  }
}
