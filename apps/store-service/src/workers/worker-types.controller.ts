/** /api/v1/types: which job types there are, and announcing those that workers outside run. */
import { Body, Controller, Delete, Get, HttpCode, Param, Put, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { AnnouncedType, JobType } from '#common/database/job-type.repository.js';
import { ValidationPipe } from '../http/validation.js';
import { announcedTypeSchema, typeNameSchema } from './lease.schemas.js';
import { WorkerTypes } from './worker-types.js';

const inBody = new ValidationPipe('validation-failed');
const inUrl = new ValidationPipe('bad-request');

@Controller('api/v1/types')
export class WorkerTypesController {
  constructor(private readonly types: WorkerTypes) {}

  /** All types of which jobs are accepted, by name; `remote` tells whether workers outside run it, or executors. */
  @Get()
  async list(): Promise<{ types: AnnouncedType[] }> {
    return { types: await this.types.list() };
  }

  /** Announces a type for workers. 201: it is new to them. 200: it was theirs. 409: executors run it. */
  @Put(':type')
  async announce(
    @Param({ schema: typeNameSchema, pipes: [inUrl] }) { type }: { type: string },
    @Body({ schema: announcedTypeSchema, pipes: [inBody] })
    { payloadSchema }: Pick<JobType, 'payloadSchema'>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AnnouncedType> {
    const isNew = await this.types.announce({ type, payloadSchema });
    void reply.status(isNew ? 201 : 200);
    return { type, payloadSchema, remote: true };
  }

  /** Takes a type from the workers: no more jobs of it are accepted, and unfinished ones wait for an executor. */
  @Delete(':type')
  @HttpCode(204)
  async forget(@Param({ schema: typeNameSchema, pipes: [inUrl] }) { type }: { type: string }): Promise<void> {
    await this.types.forget(type);
  }
}
