/** /api/v1/queues: what a queue may do, how much is in it, pause and resume. */
import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Put,
  Query,
  Res,
} from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Requires } from '#common/access/requires.js';
import type { Queue } from '#common/database/queue.repository.js';
import { CalledBy } from '../access/called-by.js';
import { Caller } from '../access/caller.js';
import { entityTag, versionOf } from '../http/entity-tag.js';
import { Operation } from '../http/operation.js';
import { ValidationPipe } from '../http/validation.js';
import * as operations from './queue.operations.js';
import {
  listQueuesSchema,
  queueNameSchema,
  queueSettingsSchema,
  toQueueSettings,
  type GivenQueueSettings,
  type ListQueues,
} from './queue.schemas.js';
import { QueueService } from './queue.service.js';
import type { AppliedQueueView, QueuePageView, QueueView } from './queue.views.js';

const inBody = new ValidationPipe('validation-failed');
const inUrl = new ValidationPipe('bad-request');

interface Named {
  readonly name: string;
}

@Controller('api/v1/queues')
export class QueuesController {
  constructor(private readonly service: QueueService) {}

  /** By name, with counts. */
  @Get()
  @Requires('read')
  @Operation(operations.listQueues)
  list(
    @Query({ schema: listQueuesSchema, pipes: [inUrl] }) { after, limit }: ListQueues,
    @CalledBy() caller: Caller,
  ): Promise<QueuePageView> {
    return this.service.list(after, limit, caller);
  }

  @Get(':name')
  @Requires('read')
  @Operation(operations.getQueue)
  async get(
    @Param({ schema: queueNameSchema, pipes: [inUrl] }) { name }: Named,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<QueueView> {
    return this.#answer(await this.service.get(name, caller), reply);
  }

  /** 201: made. 200: changed, or unchanged because it was so already; `applied` says which. It is in force now. */
  @Put(':name')
  @Requires('operate')
  @Operation(operations.applyQueue)
  async apply(
    @Param({ schema: queueNameSchema, pipes: [inUrl] }) { name }: Named,
    @Body({ schema: queueSettingsSchema, pipes: [inBody] }) given: GivenQueueSettings,
    @Headers('if-match') ifMatch: string | undefined,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AppliedQueueView> {
    const { applied, queue } = await this.service.apply(
      name,
      toQueueSettings(given),
      versionOf(ifMatch),
      caller,
    );
    if (applied === 'created') void reply.status(201).header('location', `/api/v1/queues/${name}`);
    return { ...(await this.#answer(queue, reply)), applied };
  }

  /** From the answer on nothing of it starts, what had been handed over included; what runs goes on. */
  @Post(':name/pause')
  @HttpCode(200)
  @Requires('operate')
  @Operation(operations.pauseQueue)
  async pause(
    @Param({ schema: queueNameSchema, pipes: [inUrl] }) { name }: Named,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<QueueView> {
    return this.#answer(await this.service.setPaused(name, true, caller), reply);
  }

  @Post(':name/resume')
  @HttpCode(200)
  @Requires('operate')
  @Operation(operations.resumeQueue)
  async resume(
    @Param({ schema: queueNameSchema, pipes: [inUrl] }) { name }: Named,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<QueueView> {
    return this.#answer(await this.service.setPaused(name, false, caller), reply);
  }

  /** Deletes an empty queue with its settings, and answers what it was. 409: it has jobs that have not ended. */
  @Delete(':name')
  @Requires('operate')
  @Operation(operations.deleteQueue)
  async delete(
    @Param({ schema: queueNameSchema, pipes: [inUrl] }) { name }: Named,
    @Headers('if-match') ifMatch: string | undefined,
    @CalledBy() caller: Caller,
  ): Promise<QueueView> {
    return this.service.present(await this.service.delete(name, versionOf(ifMatch), caller));
  }

  async #answer(queue: Queue, reply: FastifyReply): Promise<QueueView> {
    void reply.header('etag', entityTag(queue.version));
    return this.service.present(queue);
  }
}
