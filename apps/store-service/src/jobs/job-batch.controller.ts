/**
 * POST /api/v1/jobs/batch: up to 10,000 jobs in one request, as JSON or as one JSON text a line (NDJSON); lines are submitted
 * and answered while they come, for a client that asks for that.
 */
import { Readable } from 'node:stream';
import { Body, Controller, Headers, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Requires } from '#common/access/requires.js';
import { InjectLogger } from '#common/logging/inject-logger.js';
import type { Logger } from '#common/logging/logger.js';
import { CalledBy } from '../access/called-by.js';
import { Caller } from '../access/caller.js';
import { linesText, NDJSON, parsedLine, wantsLines } from '../http/ndjson.js';
import { Operation } from '../http/operation.js';
import { toProblem } from '../http/problem.filter.js';
import { checked, ValidationPipe } from '../http/validation.js';
import { submitBatch } from './job-batch.operations.js';
import { batchBodySchema, batchLines, batchQuerySchema } from './job-batch.schemas.js';
import { JobBatchService, type BatchResult } from './job-batch.service.js';
import { idempotencyKeySchema } from './job.schemas.js';
import type { BatchView } from './job.views.js';

@Controller('api/v1/jobs/batch')
export class JobBatchController {
  constructor(
    private readonly batches: JobBatchService,
    @InjectLogger() private readonly log: Logger,
  ) {}

  /** 200: each result says what became of its job. 422: all or none were wanted and one is not accepted. */
  @Post()
  @HttpCode(200)
  @Requires('submit', { audited: false })
  @Operation(submitBatch)
  async create(
    @Body() body: unknown,
    @Query({ schema: batchQuerySchema, pipes: [new ValidationPipe('bad-request')] })
    { atomic }: { atomic: boolean },
    @Headers('idempotency-key') given: string | undefined,
    @CalledBy() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BatchView | Readable> {
    const idempotencyKey = checked(idempotencyKeySchema, given, 'bad-request', ['Idempotency-Key']);
    const inLines = wantsLines(request.headers.accept);
    if (inLines && !atomic && body instanceof Readable) {
      const results = this.batches.submitArriving(batchLines(body), { idempotencyKey, caller });
      // As long as nothing has been answered, what is wrong has a status of its own.
      const first = await results.next();
      return asLines(reply, this.#told(first.value as BatchResult[], results, request.url));
    }
    const jobs = body instanceof Readable ? await gathered(body) : jobsOf(body);
    const results = await this.batches.submit(jobs, { atomic, idempotencyKey, caller });
    if (inLines) return asLines(reply, [linesText(results)]);
    const rejected = results.filter((result) => 'error' in result).length;
    const created = results.filter((result) => 'created' in result && result.created).length;
    return { created, existing: results.length - rejected - created, rejected, results };
  }

  /** The answer, line by line; the last one is a problem when the rest of the lines could not be taken. */
  async *#told(
    first: readonly BatchResult[],
    rest: AsyncIterable<readonly BatchResult[]>,
    path: string,
  ): AsyncGenerator<string> {
    try {
      yield linesText(first);
      for await (const results of rest) yield linesText(results);
    } catch (error) {
      const problem = toProblem(error);
      if (problem.kind === 'internal') this.log.error('request failed', { path: path.split('?')[0], error });
      yield linesText([problem.toDocument(path)]);
    }
  }
}

/** All of the jobs, before the first of them is submitted. */
async function gathered(body: Readable): Promise<unknown[]> {
  const jobs: unknown[] = [];
  for await (const lines of batchLines(body)) jobs.push(...lines.map(parsedLine));
  return jobs;
}

function jobsOf(body: unknown): unknown[] {
  return checked(batchBodySchema, body, 'validation-failed').jobs;
}

function asLines(reply: FastifyReply, texts: Iterable<string> | AsyncIterable<string>): Readable {
  // nginx would keep them until it has many.
  void reply.header('content-type', NDJSON).header('x-accel-buffering', 'no');
  return Readable.from(texts);
}
