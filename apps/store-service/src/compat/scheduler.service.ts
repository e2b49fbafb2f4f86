/** scheduler.JobService and scheduler.TaskScheduler: the services of the Go, Redis and etcd scheduler. */
import { Injectable } from '@nestjs/common';
import type { Job, JobState } from '#common/domain/job.js';
import { loadProtos, serviceOf } from '#common/grpc/protos.js';
import { unary, type Call, type GrpcService } from '../grpc/calls.js';
import { idempotencyKeyOf } from '../grpc/idempotency-key.js';
import { isoOf } from '../grpc/time.js';
import { ShellCommands } from './shell-commands.js';

export const SCHEDULER_PROTO = 'scheduler.proto';
const PROTOS = loadProtos(SCHEDULER_PROTO);
const JOBS = 'scheduler.JobService';
const TASKS = 'scheduler.TaskScheduler';

interface JobMessage {
  readonly id?: string;
  readonly command?: string;
}

interface TaskMessage extends JobMessage {
  readonly name?: string;
  readonly scheduleTime?: number;
}

interface IdMessage {
  readonly id?: string;
}

/** That system knows four words. */
const STATUS_WORDS: Readonly<Record<JobState, 'PENDING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED'>> = {
  blocked: 'PENDING',
  scheduled: 'PENDING',
  queued: 'PENDING',
  running: 'RUNNING',
  succeeded: 'SUCCEEDED',
  dead: 'FAILED',
  cancelled: 'FAILED',
  expired: 'FAILED',
};

@Injectable()
export class SchedulerGrpcServices {
  readonly services: readonly GrpcService[] = [
    {
      name: JOBS,
      definition: serviceOf(PROTOS, JOBS),
      methods: {
        SubmitJob: unary('submit', (request: JobMessage, call) => this.#submitJob(request, call)),
        GetJobStatus: unary('read', (request: IdMessage, call) => this.#jobStatus(request, call)),
      },
    },
    {
      name: TASKS,
      definition: serviceOf(PROTOS, TASKS),
      methods: {
        SubmitTask: unary('submit', (request: TaskMessage, call) => this.#submitTask(request, call)),
        GetTaskStatus: unary('read', (request: IdMessage, call) => this.#taskStatus(request, call)),
      },
    },
  ];

  constructor(private readonly commands: ShellCommands) {}

  async #submitJob(
    { id: ownId = '', command = '' }: JobMessage,
    { metadata, caller }: Call,
  ): Promise<object> {
    const idempotencyKey = idempotencyKeyOf(metadata);
    const fields = { 'payload.command': 'command' };
    const { job, id } = await this.commands.submit(JOBS, { command, ownId, idempotencyKey }, fields, caller);
    return { jobId: id, success: true, message: `Job submitted successfully, as ${job.id}` };
  }

  async #jobStatus({ id = '' }: IdMessage, { caller }: Call): Promise<object> {
    const job = await this.commands.find(JOBS, id, caller);
    return {
      id,
      status: STATUS_WORDS[job.state],
      output: await this.commands.output(job, caller),
      createdAt: unixSeconds(job.createdAt),
      updatedAt: unixSeconds(lastChange(job)),
    };
  }

  async #submitTask(
    { id: ownId = '', name = '', command = '', scheduleTime = 0 }: TaskMessage,
    { metadata, caller }: Call,
  ): Promise<object> {
    const idempotencyKey = idempotencyKeyOf(metadata);
    const due = scheduleTime === 0 ? {} : { runAt: isoOf({ seconds: scheduleTime }) };
    const fields = { 'payload.command': 'command', runAt: 'schedule_time' };
    const { job, id } = await this.commands.submit(
      TASKS,
      { command, name, ownId, idempotencyKey, ...due },
      fields,
      caller,
    );
    return { taskId: id, success: true, message: `Task submitted successfully, as ${job.id}` };
  }

  async #taskStatus({ id = '' }: IdMessage, { caller }: Call): Promise<object> {
    const job = await this.commands.find(TASKS, id, caller);
    return { id, status: STATUS_WORDS[job.state], result: await this.commands.output(job, caller) };
  }
}

function lastChange({ createdAt, queuedAt, startedAt, finishedAt }: Job): Date {
  return finishedAt ?? startedAt ?? queuedAt ?? createdAt;
}

function unixSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
