/** /tasks, /queue/stats and /health: the interface of the Flask task queue. */
import { Body, Controller, Get, Headers, HttpCode, Inject, Param, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Requires } from '#common/access/requires.js';
import { ClusterView } from '#common/coordination/cluster-view.js';
import { ZookeeperSession } from '#common/coordination/zookeeper-session.js';
import { ExecutorRepository } from '#common/database/executor.repository.js';
import { DEFAULT_QUEUE } from '#common/domain/job.js';
import { READINESS_CHECKS, runChecks, type ReadinessCheck } from '#common/health/health.controller.js';
import { CalledBy } from '../access/called-by.js';
import { Caller } from '../access/caller.js';
import { Operation, type View } from '../http/operation.js';
import { Problem } from '../http/problem.js';
import { checked, ValidationPipe } from '../http/validation.js';
import { createJobSchema, idempotencyKeySchema } from '../jobs/job.schemas.js';
import { JobService } from '../jobs/job.service.js';
import { QueueService } from '../queues/queue.service.js';
import {
  createTask,
  getTask,
  getTaskQueueHealth,
  getTaskQueueStats,
  listTasks,
} from './task-queue.operations.js';
import {
  newTaskSchema,
  NewTaskPipe,
  taskIdSchema,
  type createdTaskSchema,
  type NewTask,
  type taskListSchema,
  type taskQueueHealthSchema,
  type taskQueueStatsSchema,
} from './task-queue.schemas.js';
import { inTaskWords, payloadOf, presentTask, type TaskView } from './task-translation.js';

/** Most tasks in the list: that system knows no pages. */
const LISTED = 1000;

@Controller()
export class TaskQueueController {
  constructor(
    private readonly jobs: JobService,
    private readonly queues: QueueService,
    private readonly cluster: ClusterView,
    private readonly zookeeper: ZookeeperSession,
    private readonly executors: ExecutorRepository,
    @Inject(READINESS_CHECKS) private readonly checks: ReadinessCheck[],
  ) {}

  @Post('tasks')
  @HttpCode(201)
  @Requires('submit', { audited: false })
  @Operation(createTask)
  async create(
    @Body({ schema: newTaskSchema, pipes: [new NewTaskPipe()] }) task: NewTask,
    @Headers('idempotency-key') key: string | undefined,
    @CalledBy() caller: Caller,
  ): Promise<View<typeof createdTaskSchema>> {
    const idempotencyKey = checked(idempotencyKeySchema, key, 'bad-request', ['Idempotency-Key']);
    const { type } = task;
    try {
      const request = checked(createJobSchema, { type, payload: payloadOf(task) }, 'validation-failed');
      const { job } = await this.jobs.submit(request, idempotencyKey, caller);
      return { task_id: job.id, status: 'queued', message: 'Task created successfully' };
    } catch (error) {
      throw error instanceof Problem ? inTaskWords(error, type) : error;
    }
  }

  @Get('tasks')
  @Requires('read')
  @Operation(listTasks)
  async list(@CalledBy() caller: Caller): Promise<View<typeof taskListSchema>> {
    const { jobs } = await this.jobs.list({ limit: LISTED }, caller);
    const tasks = jobs.map((job) => presentTask(job, job.omitted));
    return { tasks, count: tasks.length };
  }

  @Get('tasks/:id')
  @Requires('read')
  @Operation(getTask)
  async get(
    @Param({ schema: taskIdSchema, pipes: [new ValidationPipe('bad-request')] }) { id }: { id: string },
    @CalledBy() caller: Caller,
  ): Promise<TaskView> {
    const job = z.uuid().safeParse(id).success ? await this.jobs.find(id, caller) : undefined;
    if (job === undefined) throw new Problem('not-found', 'Task not found');
    return presentTask(job);
  }

  @Get('queue/stats')
  @Requires('read')
  @Operation(getTaskQueueStats)
  async stats(@CalledBy() caller: Caller): Promise<View<typeof taskQueueStatsSchema>> {
    caller.requireAllQueues();
    const [waiting, total] = await Promise.all([this.queues.waiting(DEFAULT_QUEUE), this.jobs.total()]);
    return { queue_length: waiting, total_tasks: total };
  }

  @Get('health')
  @Requires('nothing')
  @Operation(getTaskQueueHealth)
  async health(@Res({ passthrough: true }) reply: FastifyReply): Promise<View<typeof taskQueueHealthSchema>> {
    const redis = { name: 'redis', check: () => this.#wayToExecutors() };
    const report = await runChecks([...this.checks, redis]);
    void reply.status(report.status === 'ok' ? 200 : 503);
    return {
      status: report.status === 'ok' ? 'healthy' : 'unhealthy',
      redis: report.checks[redis.name] === 'ok' ? 'connected' : 'disconnected',
    };
  }

  /** What is missing for a job to get through Redis. A store does not use it, but those that do tell of it. */
  async #wayToExecutors(): Promise<string | undefined> {
    if ((await this.executors.living()).length === 0) return 'no executor is there';
    // Without ZooKeeper nobody can say, and what leads goes on leading.
    if (!this.zookeeper.connected) return undefined;
    const { members } = await this.cluster.read();
    const missing = (['scheduler', 'executor'] as const).find(
      (kind) => !members[kind].some(({ info }) => info['status'] === 'ok'),
    );
    return missing && `no ${missing} is there that reaches it`;
  }
}
