/** /api/v1/types: which job types there are, and announcing those that workers outside run. */
import { Body, Controller, Delete, Get, Param, Put, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Requires } from '#common/access/requires.js';
import type { JobType } from '#common/database/job-type.repository.js';
import { CalledBy } from '../access/called-by.js';
import { Caller } from '../access/caller.js';
import { Operation } from '../http/operation.js';
import { ValidationPipe } from '../http/validation.js';
import { announceType, forgetType, listTypes } from './lease.operations.js';
import { announcedTypeSchema, typeNameSchema } from './lease.schemas.js';
import type { TypesView, TypeView } from './lease.views.js';
import { WorkerTypes } from './worker-types.js';

const inBody = new ValidationPipe('validation-failed');
const inUrl = new ValidationPipe('bad-request');

@Controller('api/v1/types')
export class WorkerTypesController {
  constructor(private readonly types: WorkerTypes) {}

  /** All types of which jobs are accepted, by name; `remote` tells whether workers outside run it, or executors. */
  @Get()
  @Requires('read')
  @Operation(listTypes)
  async list(): Promise<TypesView> {
    return { types: await this.types.list() };
  }

  /** Announces a type for workers. 201: it is new to them. 200: it was theirs. 409: executors run it. */
  @Put(':name')
  @Requires('operate')
  @Operation(announceType)
  async announce(
    @Param({ schema: typeNameSchema, pipes: [inUrl] }) { name: type }: { name: string },
    @Body({ schema: announcedTypeSchema, pipes: [inBody] })
    { payloadSchema }: Pick<JobType, 'payloadSchema'>,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<TypeView> {
    caller.requireAllQueues();
    const isNew = await this.types.announce({ type, payloadSchema });
    void reply.status(isNew ? 201 : 200);
    return { type, payloadSchema, remote: true };
  }

  /** Takes a type from the workers: no more jobs of it are accepted, and unfinished ones wait for an executor. */
  @Delete(':name')
  @Requires('operate')
  @Operation(forgetType)
  async forget(
    @Param({ schema: typeNameSchema, pipes: [inUrl] }) { name }: { name: string },
    @CalledBy() caller: Caller,
  ): Promise<TypeView> {
    caller.requireAllQueues();
    return this.types.forget(name);
  }
}
