/** /api/v1/schedules: define, look up, change, pause, run, and read what became of each due time and when the next are. */
import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Param,
  Patch,
  Post,
  Put,
  Query,
  Res,
} from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Requires } from '#common/access/requires.js';
import { ScheduleRepository } from '#common/database/schedule.repository.js';
import { CalledBy } from '../access/called-by.js';
import { Caller } from '../access/caller.js';
import { encodeCursor } from '../http/fields.js';
import { entityTag, versionOf } from '../http/entity-tag.js';
import { Operation } from '../http/operation.js';
import { ValidationPipe } from '../http/validation.js';
import * as operations from './schedule.operations.js';
import { presentOccurrence, presentSchedule } from './schedule.presenter.js';
import {
  applyQuerySchema,
  createScheduleSchema,
  definitionSchema,
  listSchedulesSchema,
  occurrencesQuerySchema,
  patchScheduleSchema,
  previewQuerySchema,
  previewSchema,
  scheduleNameSchema,
  toTimetable,
  type CreateSchedule,
  type GivenDefinition,
  type ListSchedules,
  type OccurrencesQuery,
  type Preview,
} from './schedule.schemas.js';
import { ScheduleService } from './schedule.service.js';
import type { AppliedView, DueTimeView, OccurrenceView, ScheduleView } from './schedule.views.js';

const inBody = new ValidationPipe('validation-failed');
const inUrl = new ValidationPipe('bad-request');

interface Named {
  readonly name: string;
}

@Controller('api/v1/schedules')
export class SchedulesController {
  constructor(
    private readonly service: ScheduleService,
    private readonly schedules: ScheduleRepository,
  ) {}

  /** 201, or 409 when the name is taken. */
  @Post()
  @Requires('submit')
  @Operation(operations.createSchedule)
  async create(
    @Body({ schema: createScheduleSchema, pipes: [inBody] }) { name, ...given }: CreateSchedule,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ScheduleView> {
    const schedule = await this.service.create(name, given, caller);
    void reply.header('location', `/api/v1/schedules/${name}`).header('etag', entityTag(schedule.version));
    return presentSchedule(schedule);
  }

  /** Newest first. */
  @Get()
  @Requires('read')
  @Operation(operations.listSchedules)
  async list(
    @Query({ schema: listSchedulesSchema, pipes: [inUrl] }) { limit, cursor }: ListSchedules,
    @CalledBy() { queuePatterns }: Caller,
  ): Promise<{ schedules: ScheduleView[]; nextCursor: string | null }> {
    const schedules = await this.schedules.list(cursor, limit + 1, queuePatterns);
    const page = schedules.slice(0, limit);
    const last = page.at(-1);
    return {
      schedules: page.map(presentSchedule),
      nextCursor: schedules.length > limit && last !== undefined ? encodeCursor(last.id) : null,
    };
  }

  @Get(':name')
  @Requires('read')
  @Operation(operations.getSchedule)
  async get(
    @Param({ schema: scheduleNameSchema, pipes: [inUrl] }) { name }: Named,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ScheduleView> {
    const schedule = await this.service.get(name, caller);
    void reply.header('etag', entityTag(schedule.version));
    return presentSchedule(schedule);
  }

  /** 201: made. 200: changed, or unchanged because it was so already; `applied` says which, `changes` what. */
  @Put(':name')
  @Requires('submit')
  @Operation(operations.applySchedule)
  async apply(
    @Param({ schema: scheduleNameSchema, pipes: [inUrl] }) { name }: Named,
    @Query({ schema: applyQuerySchema, pipes: [inUrl] }) { dryRun = false }: { dryRun?: boolean },
    @Body({ schema: definitionSchema, pipes: [inBody] }) given: GivenDefinition,
    @Headers('if-match') ifMatch: string | undefined,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<AppliedView> {
    const wanted = { version: versionOf(ifMatch), dryRun };
    const { applied, schedule, changes } = await this.service.apply(name, given, wanted, caller);
    if (applied === 'created' && !dryRun)
      void reply.status(201).header('location', `/api/v1/schedules/${name}`);
    if (schedule !== null) void reply.header('etag', entityTag(schedule.version));
    return { applied, dryRun, changes, schedule: schedule === null ? null : presentSchedule(schedule) };
  }

  /** A merge patch (RFC 7396) of the definition. */
  @Patch(':name')
  @Requires('operate')
  @Operation(operations.patchSchedule)
  async patch(
    @Param({ schema: scheduleNameSchema, pipes: [inUrl] }) { name }: Named,
    @Body({ schema: patchScheduleSchema, pipes: [inBody] }) patch: Record<string, unknown>,
    @Headers('if-match') ifMatch: string | undefined,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ScheduleView> {
    const schedule = await this.service.patch(name, patch, versionOf(ifMatch), caller);
    void reply.header('etag', entityTag(schedule.version));
    return presentSchedule(schedule);
  }

  /** Deletes it with its ledger and answers what it was; its jobs stay. */
  @Delete(':name')
  @Requires('operate')
  @Operation(operations.deleteSchedule)
  async delete(
    @Param({ schema: scheduleNameSchema, pipes: [inUrl] }) { name }: Named,
    @Headers('if-match') ifMatch: string | undefined,
    @CalledBy() caller: Caller,
  ): Promise<ScheduleView> {
    return presentSchedule(await this.service.delete(name, versionOf(ifMatch), caller));
  }

  @Post(':name/pause')
  @HttpCode(200)
  @Requires('operate')
  @Operation(operations.pauseSchedule)
  async pause(
    @Param({ schema: scheduleNameSchema, pipes: [inUrl] }) { name }: Named,
    @CalledBy() caller: Caller,
  ): Promise<ScheduleView> {
    return presentSchedule(await this.service.setPaused(name, true, caller));
  }

  @Post(':name/resume')
  @HttpCode(200)
  @Requires('operate')
  @Operation(operations.resumeSchedule)
  async resume(
    @Param({ schema: scheduleNameSchema, pipes: [inUrl] }) { name }: Named,
    @CalledBy() caller: Caller,
  ): Promise<ScheduleView> {
    return presentSchedule(await this.service.setPaused(name, false, caller));
  }

  /** 201: a job was made, beside what the schedule makes by itself. */
  @Post(':name/run')
  @Requires('operate')
  @Operation(operations.runSchedule)
  async run(
    @Param({ schema: scheduleNameSchema, pipes: [inUrl] }) { name }: Named,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<{ jobId: string; dueAt: string }> {
    const { jobId, dueAt } = await this.service.run(name, caller);
    void reply.header('location', `/api/v1/jobs/${jobId}`);
    return { jobId, dueAt: dueAt.toISOString() };
  }

  /** What became of each due time, latest first. */
  @Get(':name/occurrences')
  @Requires('read')
  @Operation(operations.listOccurrences)
  async occurrences(
    @Param({ schema: scheduleNameSchema, pipes: [inUrl] }) { name }: Named,
    @Query({ schema: occurrencesQuerySchema, pipes: [inUrl] }) { limit, ...filter }: OccurrencesQuery,
    @CalledBy() caller: Caller,
  ): Promise<{ occurrences: OccurrenceView[]; nextBefore: string | null }> {
    const { id } = await this.service.get(name, caller);
    const occurrences = await this.schedules.occurrences(id, filter, limit + 1);
    const page = occurrences.slice(0, limit);
    return {
      occurrences: page.map(presentOccurrence),
      nextBefore: occurrences.length > limit ? (page.at(-1)?.dueAt.toISOString() ?? null) : null,
    };
  }

  @Get(':name/preview')
  @Requires('read')
  @Operation(operations.previewSchedule)
  async previewOf(
    @Param({ schema: scheduleNameSchema, pipes: [inUrl] }) { name }: Named,
    @Query({ schema: previewQuerySchema, pipes: [inUrl] }) { count, from }: { count: number; from?: Date },
    @CalledBy() caller: Caller,
  ): Promise<{ timezone: string; dueTimes: DueTimeView[] }> {
    const schedule = await this.service.get(name, caller);
    return {
      timezone: schedule.definition.timezone,
      dueTimes: await this.service.previewOf(schedule, from, count),
    };
  }

  /** Of a definition that is not saved. */
  @Post('preview')
  @HttpCode(200)
  @Requires('read')
  @Operation(operations.previewDefinition)
  async preview(
    @Body({ schema: previewSchema, pipes: [inBody] }) { name = '', from, count, ...given }: Preview,
  ): Promise<{ timezone: string; dueTimes: DueTimeView[] }> {
    const definition = toTimetable(given);
    return {
      timezone: definition.timezone,
      dueTimes: await this.service.preview(name, definition, from, count),
    };
  }
}
