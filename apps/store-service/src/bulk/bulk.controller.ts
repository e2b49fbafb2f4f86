/** /api/v1/bulk: one thing done to all jobs that fit a filter, in the background. */
import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Requires } from '#common/access/requires.js';
import { timeOfId } from '#common/domain/id-time.js';
import { CalledBy } from '../access/called-by.js';
import { Caller } from '../access/caller.js';
import { encodeCursor } from '../http/fields.js';
import { Operation } from '../http/operation.js';
import { checked, ValidationPipe } from '../http/validation.js';
import { idempotencyKeySchema } from '../jobs/job.schemas.js';
import { cancelBulk, createBulk, getBulk, listBulk } from './bulk.operations.js';
import { presentBulk } from './bulk.presenter.js';
import {
  bulkIdSchema,
  createBulkSchema,
  listBulkSchema,
  type CreateBulk,
  type ListBulk,
} from './bulk.schemas.js';
import { BulkService } from './bulk.service.js';
import type { BulkCountView, BulkOperationView, BulkPageView } from './bulk.views.js';

const inBody = new ValidationPipe('validation-failed');
const inUrl = new ValidationPipe('bad-request');

@Controller('api/v1/bulk')
export class BulkController {
  constructor(private readonly service: BulkService) {}

  /** 202: it has begun, with this request or an earlier one of the same Idempotency-Key. 200: a dry run has counted. */
  @Post()
  @HttpCode(202)
  @Requires('operate')
  @Operation(createBulk)
  async create(
    @Body({ schema: createBulkSchema, pipes: [inBody] }) request: CreateBulk,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<BulkOperationView | BulkCountView> {
    const key = checked(idempotencyKeySchema, idempotencyKey, 'bad-request', ['Idempotency-Key']);
    if (!request.dryRun) {
      const operation = await this.service.create(request, key, caller);
      caller.note({ operation: operation.id, request: operation.request });
      void reply.header('location', `/api/v1/bulk/${operation.id}`);
      return presentBulk(operation);
    }
    const { byState, countedBackTo } = await this.service.count(request, caller);
    caller.note({ dryRun: true });
    void reply.status(200);
    return {
      matched: Object.values(byState).reduce((sum, count) => sum + count, 0),
      byState,
      countedBackTo: countedBackTo === undefined ? null : timeOfId(countedBackTo).toISOString(),
    };
  }

  /** Newest first. */
  @Get()
  @Requires('read')
  @Operation(listBulk)
  async list(
    @Query({ schema: listBulkSchema, pipes: [inUrl] }) { cursor, limit }: ListBulk,
    @CalledBy() caller: Caller,
  ): Promise<BulkPageView> {
    const operations = await this.service.list(cursor, limit + 1, caller);
    const page = operations.slice(0, limit);
    const last = page.at(-1);
    return {
      operations: page.map(presentBulk),
      nextCursor: operations.length > limit && last !== undefined ? encodeCursor(last.id) : null,
    };
  }

  @Get(':id')
  @Requires('read')
  @Operation(getBulk)
  async get(
    @Param({ schema: bulkIdSchema, pipes: [inUrl] }) { id }: { id: string },
    @CalledBy() caller: Caller,
  ): Promise<BulkOperationView> {
    return presentBulk(await this.service.get(id, caller));
  }

  /** 409: it has ended. */
  @Post(':id/cancel')
  @HttpCode(200)
  @Requires('operate')
  @Operation(cancelBulk)
  async cancel(
    @Param({ schema: bulkIdSchema, pipes: [inUrl] }) { id }: { id: string },
    @CalledBy() caller: Caller,
  ): Promise<BulkOperationView> {
    return presentBulk(await this.service.cancel(id, caller));
  }
}
