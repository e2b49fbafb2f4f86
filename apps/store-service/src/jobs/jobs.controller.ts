/** /api/v1/jobs: submit, look up, list, cancel. */
import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Requires } from '#common/access/requires.js';
import { timeOfId } from '#common/domain/id-time.js';
import type { Parent } from '#common/domain/workflow.js';
import { CalledBy } from '../access/called-by.js';
import { Caller } from '../access/caller.js';
import { encodeCursor } from '../http/fields.js';
import { Operation } from '../http/operation.js';
import { checked, ValidationPipe } from '../http/validation.js';
import { cancelJob, getJob, listJobs, submitJob } from './job.operations.js';
import { presentAttempts, presentJob, presentListedJob, presentProgress } from './job.presenter.js';
import {
  createJobSchema,
  idempotencyKeySchema,
  jobIdSchema,
  listJobsSchema,
  type CreateJob,
  type ListJobs,
} from './job.schemas.js';
import { JobService } from './job.service.js';
import type { AttemptView, FoundJobsView, JobView, ProgressView } from './job.views.js';

interface JobWithHistoryView extends JobView {
  readonly progress: ProgressView | null;
  readonly attempts: AttemptView[];
  readonly parents: readonly Parent[];
}

const inBody = new ValidationPipe('validation-failed');
const inUrl = new ValidationPipe('bad-request');

@Controller('api/v1/jobs')
export class JobsController {
  constructor(private readonly jobs: JobService) {}

  /**
   * 201: the job is durable. 200: no new one was made, because the Idempotency-Key has been used for this very request,
   * or because an unfinished job has the uniqueKey and the policy is return-existing; the answer is that job.
   */
  @Post()
  @Requires('submit', { audited: false })
  @Operation(submitJob)
  async create(
    @Body({ schema: createJobSchema, pipes: [inBody] }) request: CreateJob,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobView> {
    const key = checked(idempotencyKeySchema, idempotencyKey, 'bad-request', ['Idempotency-Key']);
    const { job, created } = await this.jobs.submit(request, key, caller);
    void reply.status(created ? 201 : 200).header('location', `/api/v1/jobs/${job.id}`);
    return presentJob(job);
  }

  /** Newest first. */
  @Get()
  @Requires('read')
  @Operation(listJobs)
  async list(
    @Query({ schema: listJobsSchema, pipes: [inUrl] }) query: ListJobs,
    @CalledBy() caller: Caller,
  ): Promise<FoundJobsView> {
    const { jobs, nextBefore, complete } = await this.jobs.list(query, caller);
    const nextCursor = nextBefore === undefined ? null : encodeCursor(nextBefore);
    return {
      jobs: jobs.map(presentListedJob),
      nextCursor,
      searchedBackTo: complete || nextBefore === undefined ? null : timeOfId(nextBefore).toISOString(),
    };
  }

  /** With every attempt, and the jobs of its workflow that it depends on, with their results. */
  @Get(':id')
  @Requires('read')
  @Operation(getJob)
  async get(
    @Param({ schema: jobIdSchema, pipes: [inUrl] }) { id }: { id: string },
    @CalledBy() caller: Caller,
  ): Promise<JobWithHistoryView> {
    const { job, earlier, progress, parents } = await this.jobs.getWithHistory(id, caller);
    return {
      ...presentJob(job),
      progress: presentProgress(progress),
      attempts: presentAttempts(job, earlier),
      parents,
    };
  }

  /** 200: it is cancelled. 202: it runs, and has been asked to end. 409: it had finished. */
  @Post(':id/cancel')
  @HttpCode(200)
  @Requires('operate')
  @Operation(cancelJob)
  async cancel(
    @Param({ schema: jobIdSchema, pipes: [inUrl] }) { id }: { id: string },
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<JobView> {
    const job = await this.jobs.cancel(id, caller);
    if (job.state === 'running') void reply.status(202);
    return presentJob(job);
  }
}
