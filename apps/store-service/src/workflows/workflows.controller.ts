/** /api/v1/workflows: submit, look up with their jobs, list, cancel, retry. */
import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Requires } from '#common/access/requires.js';
import { WorkflowRepository } from '#common/database/workflow.repository.js';
import { CalledBy } from '../access/called-by.js';
import { Caller } from '../access/caller.js';
import { encodeCursor } from '../http/fields.js';
import { Operation } from '../http/operation.js';
import { checked, ValidationPipe } from '../http/validation.js';
import { idempotencyKeySchema } from '../jobs/job.schemas.js';
import * as operations from './workflow.operations.js';
import { presentWorkflow, presentWorkflowJobs } from './workflow.presenter.js';
import {
  createWorkflowSchema,
  getWorkflowSchema,
  listWorkflowsSchema,
  retryWorkflowSchema,
  workflowIdSchema,
  type CreateWorkflow,
  type GetWorkflow,
  type ListWorkflows,
} from './workflow.schemas.js';
import { WorkflowService } from './workflow.service.js';
import type { WorkflowJobView, WorkflowView } from './workflow.views.js';

const inBody = new ValidationPipe('validation-failed');
const inUrl = new ValidationPipe('bad-request');

interface Identified {
  readonly id: string;
}

@Controller('api/v1/workflows')
export class WorkflowsController {
  constructor(
    private readonly service: WorkflowService,
    private readonly workflows: WorkflowRepository,
  ) {}

  /** 201: all of its jobs are durable. 200: the Idempotency-Key has been used for this very request. 422: none is stored. */
  @Post()
  @Requires('submit', { audited: false })
  @Operation(operations.submitWorkflow)
  async create(
    @Body({ schema: createWorkflowSchema, pipes: [inBody] }) request: CreateWorkflow,
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WorkflowView> {
    const key = checked(idempotencyKeySchema, idempotencyKey, 'bad-request', ['Idempotency-Key']);
    const { workflow, created } = await this.service.submit(request, key, caller);
    void reply.status(created ? 201 : 200).header('location', `/api/v1/workflows/${workflow.id}`);
    return presentWorkflow(workflow);
  }

  /** Newest first. */
  @Get()
  @Requires('read')
  @Operation(operations.listWorkflows)
  async list(
    @Query({ schema: listWorkflowsSchema, pipes: [inUrl] }) { finished, limit, cursor }: ListWorkflows,
    @CalledBy() { queuePatterns }: Caller,
  ): Promise<{ workflows: WorkflowView[]; nextCursor: string | null }> {
    const workflows = await this.workflows.list(cursor, finished, limit + 1, queuePatterns);
    const page = workflows.slice(0, limit);
    const last = page.at(-1);
    return {
      workflows: page.map(presentWorkflow),
      nextCursor: workflows.length > limit && last !== undefined ? encodeCursor(last.id) : null,
    };
  }

  /** With a page of its jobs, each after those that it depends on. */
  @Get(':id')
  @Requires('read')
  @Operation(operations.getWorkflow)
  async get(
    @Param({ schema: workflowIdSchema, pipes: [inUrl] }) { id }: Identified,
    @Query({ schema: getWorkflowSchema, pipes: [inUrl] }) query: GetWorkflow,
    @CalledBy() caller: Caller,
  ): Promise<WorkflowView & { jobs: WorkflowJobView[]; nextCursor: string | null }> {
    const { workflow, jobs, dependencies, nextId } = await this.service.page(id, query, caller);
    return {
      ...presentWorkflow(workflow),
      jobs: presentWorkflowJobs(jobs, dependencies),
      nextCursor: nextId === undefined ? null : encodeCursor(nextId),
    };
  }

  /** 200: all of it has ended. 202: some jobs run, and have been asked to end. 409: it was over. */
  @Post(':id/cancel')
  @HttpCode(200)
  @Requires('operate')
  @Operation(operations.cancelWorkflow)
  async cancel(
    @Param({ schema: workflowIdSchema, pipes: [inUrl] }) { id }: Identified,
    @CalledBy() caller: Caller,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<WorkflowView> {
    const workflow = await this.service.cancel(id, caller);
    if (workflow.finishedAt === null) void reply.status(202);
    return presentWorkflow(workflow);
  }

  /** 200: what did not succeed is tried again. 409: something of it goes on, or all of it succeeded. */
  @Post(':id/retry')
  @HttpCode(200)
  @Requires('operate')
  @Operation(operations.retryWorkflow)
  async retry(
    @Param({ schema: workflowIdSchema, pipes: [inUrl] }) { id }: Identified,
    @Body({ schema: retryWorkflowSchema, pipes: [inBody] }) { attempts }: { attempts: number },
    @CalledBy() caller: Caller,
  ): Promise<WorkflowView> {
    return presentWorkflow(await this.service.retry(id, attempts, caller));
  }
}
