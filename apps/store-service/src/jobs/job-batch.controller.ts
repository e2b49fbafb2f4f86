/** POST /api/v1/jobs/batch: up to 10,000 jobs in one request, as JSON or as one JSON text a line (NDJSON). */
import { Body, Controller, Headers, HttpCode, Post, Query } from '@nestjs/common';
import { Requires } from '#common/access/requires.js';
import { CalledBy } from '../access/called-by.js';
import { Caller } from '../access/caller.js';
import { Operation } from '../http/operation.js';
import { checked, ValidationPipe } from '../http/validation.js';
import { submitBatch } from './job-batch.operations.js';
import { batchBodySchema, batchQuerySchema } from './job-batch.schemas.js';
import { JobBatchService } from './job-batch.service.js';
import { idempotencyKeySchema } from './job.schemas.js';
import type { BatchView } from './job.views.js';

@Controller('api/v1/jobs/batch')
export class JobBatchController {
  constructor(private readonly batches: JobBatchService) {}

  /** 200: each result says what became of its job. 422: all or none were wanted and one is not accepted. */
  @Post()
  @HttpCode(200)
  @Requires('submit', { audited: false })
  @Operation(submitBatch)
  async create(
    @Body({ schema: batchBodySchema, pipes: [new ValidationPipe('validation-failed')] })
    body: { jobs: unknown[] },
    @Query({ schema: batchQuerySchema, pipes: [new ValidationPipe('bad-request')] })
    { atomic }: { atomic: boolean },
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @CalledBy() caller: Caller,
  ): Promise<BatchView> {
    const key = checked(idempotencyKeySchema, idempotencyKey, 'bad-request', ['Idempotency-Key']);
    const results = await this.batches.submit(body.jobs, { atomic, idempotencyKey: key, caller });
    const rejected = results.filter((result) => 'error' in result).length;
    const created = results.filter((result) => 'created' in result && result.created).length;
    return { created, existing: results.length - rejected - created, rejected, results };
  }
}
