/** POST /schedule and GET /status: TaskMaster's HTTP interface. */
import { Body, Controller, Get, Headers, HttpCode, Post, Query } from '@nestjs/common';
import { Requires } from '#common/access/requires.js';
import type { Job, Json } from '#common/domain/job.js';
import { CalledBy } from '../access/called-by.js';
import { Caller } from '../access/caller.js';
import { Operation, type View } from '../http/operation.js';
import { Problem } from '../http/problem.js';
import { checked, ValidationPipe } from '../http/validation.js';
import { idempotencyKeySchema } from '../jobs/job.schemas.js';
import { ShellCommands } from './shell-commands.js';
import { getCommandStatus, scheduleCommand } from './taskmaster.operations.js';
import {
  commandStatusQuerySchema,
  scheduleCommandSchema,
  type CommandStatusQuery,
  type commandStatusSchema,
  type ScheduleCommand,
  type scheduledCommandSchema,
} from './taskmaster.schemas.js';

const SYSTEM = 'taskmaster';
/** A retry moves the time at which a job is due; the command and its client are told the one that was asked for. */
const DUE_VARIABLE = 'SCHEDULED_AT';
const FIELDS = { 'payload.command': 'command', runAt: 'scheduled_at' };

const inBody = new ValidationPipe('validation-failed');
const inUrl = new ValidationPipe('bad-request');

@Controller()
export class TaskMasterController {
  constructor(private readonly commands: ShellCommands) {}

  @Post('schedule')
  @HttpCode(200)
  @Requires('submit', { audited: false })
  @Operation(scheduleCommand)
  async schedule(
    @Body({ schema: scheduleCommandSchema, pipes: [inBody] }) { command, scheduled_at: due }: ScheduleCommand,
    @Headers('idempotency-key') key: string | undefined,
    @CalledBy() caller: Caller,
  ): Promise<View<typeof scheduledCommandSchema>> {
    const idempotencyKey = checked(idempotencyKeySchema, key, 'bad-request', ['Idempotency-Key']);
    const runAt = due.toISOString();
    const { id } = await this.commands.submit(
      SYSTEM,
      { command, runAt, env: { [DUE_VARIABLE]: runAt }, idempotencyKey },
      FIELDS,
      caller,
    );
    return { command, scheduled_at: Math.floor(due.getTime() / 1000), task_id: id };
  }

  @Get('status')
  @Requires('read')
  @Operation(getCommandStatus)
  async status(
    @Query({ schema: commandStatusQuerySchema, pipes: [inUrl] }) { task_id: id }: CommandStatusQuery,
    @CalledBy() caller: Caller,
  ): Promise<View<typeof commandStatusSchema>> {
    const job = await this.commands.find(SYSTEM, id, caller);
    const command = textAt(job.payload, 'command');
    if (command === undefined) throw new Problem('not-found', `The job with id ${id} is not a command.`);
    const { queuedAt, startedAt, finishedAt } = job;
    // An end forgets when the job was handed over; that was just before its start.
    const pickedAt = queuedAt ?? startedAt;
    return {
      task_id: id,
      command,
      scheduled_at: dueTime(job),
      ...(pickedAt !== null && { picked_at: pickedAt.toISOString() }),
      ...(startedAt !== null && { started_at: startedAt.toISOString() }),
      ...(finishedAt !== null && {
        [job.state === 'succeeded' ? 'completed_at' : 'failed_at']: finishedAt.toISOString(),
      }),
    };
  }
}

function dueTime({ payload, runAt }: Job): string {
  return textAt(fieldOf(payload, 'env'), DUE_VARIABLE) ?? runAt.toISOString();
}

function textAt(value: Json | undefined, name: string): string | undefined {
  const field = fieldOf(value, name);
  return typeof field === 'string' ? field : undefined;
}

function fieldOf(value: Json | undefined, name: string): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as { readonly [key: string]: Json })[name]
    : undefined;
}
