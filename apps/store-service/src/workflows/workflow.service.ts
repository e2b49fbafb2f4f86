/** What can be done with workflows, for every door that leads here. */
import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';

import type { ListedJob } from '#common/database/job.repository.js';
import { Notifier } from '#common/database/notifications.js';
import { QueueRepository } from '#common/database/queue.repository.js';
import { WorkflowRepository, type Dependency, type Workflow } from '#common/database/workflow.repository.js';
import type { NewWorkflow } from '#common/domain/workflow.js';
import { newId } from '#common/runtime/new-id.js';
import type { Caller } from '../access/caller.js';
import { Problem, type FieldProblem } from '../http/problem.js';
import { checked, invalid, usedIdempotencyKey } from '../http/validation.js';
import { giveWay, MAX_ERRORS } from '../jobs/job-batch.service.js';
import { JobTypes } from '../jobs/job-types.js';
import { ensureQueues, newJob } from '../jobs/job.service.js';
import { resolveDependencies } from './dependencies.js';
import {
  workflowJobSchema,
  type CreateWorkflow,
  type GetWorkflow,
  type WorkflowJob,
} from './workflow.schemas.js';

export interface WorkflowPage {
  readonly workflow: Workflow;
  readonly jobs: readonly ListedJob[];
  readonly dependencies: readonly Dependency[];
  /** Where the next page begins, when there is one. */
  readonly nextId: string | undefined;
}

@Injectable()
export class WorkflowService {
  constructor(
    private readonly workflows: WorkflowRepository,
    private readonly queues: QueueRepository,
    private readonly types: JobTypes,
    private readonly notifier: Notifier,
  ) {}

  /**
   * Stores a workflow with all its jobs.
   * @param idempotencyKey a repetition with the same key and request returns the workflow that the first one made
   * @throws Problem that names every job, reference or cycle that is not accepted, or the first job that the caller may
   * not submit
   */
  async submit(
    request: CreateWorkflow,
    idempotencyKey: string | undefined,
    caller: Caller,
  ): Promise<{ workflow: Workflow; created: boolean }> {
    const jobs = await this.#check(request.jobs, caller);
    const resolved = resolveDependencies(jobs, request.onDependencyFailure);
    if (resolved.kind === 'faulty') throw invalid('validation-failed', resolved.errors.slice(0, MAX_ERRORS));

    await ensureQueues(this.queues, jobs);
    const workflow: NewWorkflow = {
      id: newId(),
      name: request.name ?? null,
      // Ids ascend with the order, so that jobs are listed in it, and locked in it.
      jobs: resolved.order.flatMap((place) => jobs[place] ?? []).map((job) => newJob(job, caller)),
      dependencies: resolved.dependencies,
    };
    const key =
      idempotencyKey === undefined
        ? undefined
        : { key: caller.ownKey(idempotencyKey), requestHash: fingerprint({ ...request, jobs }) };
    const submission = await this.workflows.insert(workflow, key);
    switch (submission.kind) {
      case 'created':
        this.notifier.send('work');
        return { workflow: await this.get(workflow.id, caller), created: true };
      case 'replayed': {
        const first = await this.workflows.get(submission.id);
        if (first !== undefined) return { workflow: first, created: false };
        throw new Problem(
          'conflict',
          `The workflow that this Idempotency-Key made, ${submission.id}, has been deleted since.`,
        );
      }
      case 'other-request':
        throw usedIdempotencyKey();
      default:
        throw new Error(`unknown submission ${String(submission satisfies never)}`);
    }
  }

  /** Each job by itself, so that all that is wrong is told at once. */
  async #check(items: readonly unknown[], caller: Caller): Promise<WorkflowJob[]> {
    const jobs: WorkflowJob[] = [];
    const errors: FieldProblem[] = [];
    for (const [index, item] of items.entries()) {
      await giveWay(index);
      const place = ['jobs', String(index)];
      try {
        const job = checked(workflowJobSchema, item, 'validation-failed', place);
        caller.require({ scope: 'submit', queue: job.queue, type: job.type });
        this.types.check(job.type, job.payload, place);
        jobs.push(job);
      } catch (error) {
        if (!(error instanceof Problem) || error.errors.length === 0) throw error;
        if (error.kind === 'forbidden') throw error.about(`jobs.${index}`);
        errors.push(...error.errors);
        if (errors.length >= MAX_ERRORS) break;
      }
    }
    if (errors.length > 0) throw invalid('validation-failed', errors.slice(0, MAX_ERRORS));
    return jobs;
  }

  /** @throws Problem when there is no such workflow, or some of its jobs are in queues beyond the caller's key */
  async get(id: string, caller: Caller): Promise<Workflow> {
    const workflow = await this.workflows.get(id);
    if (workflow === undefined) throw new Problem('not-found', `There is no workflow with id ${id}.`);
    const { queuePatterns } = caller;
    if (queuePatterns !== null && (await this.workflows.hasOtherQueues(id, queuePatterns)))
      throw new Problem('forbidden', `Jobs of this workflow are in queues beyond the key "${caller.name}".`);
    return workflow;
  }

  /** A workflow with one page of its jobs, each after those that it depends on. */
  async page(id: string, { state, limit, cursor }: GetWorkflow, caller: Caller): Promise<WorkflowPage> {
    const workflow = await this.get(id, caller);
    // One more than asked for tells whether there is a next page.
    const found = await this.workflows.jobs(id, cursor, state, limit + 1);
    const jobs = found.slice(0, limit);
    const dependencies = await this.workflows.dependenciesOf(jobs.map((job) => job.id));
    return {
      workflow,
      jobs,
      dependencies,
      nextId: found.length > limit ? jobs.at(-1)?.id : undefined,
    };
  }

  /**
   * Cancels what has not ended. Jobs that run are asked to end; while some do, the workflow is `running` in the answer.
   * @throws Problem conflict when all of it had ended already
   */
  async cancel(id: string, caller: Caller): Promise<Workflow> {
    const { state } = await this.get(id, caller);
    const cancelled = await this.workflows.cancel(id);
    if (cancelled === 'over') {
      throw new Problem(
        'conflict',
        `The workflow is ${state} already; only one that is not over can be cancelled.`,
      );
    }
    for (const jobId of cancelled.running) this.notifier.send('cancel', jobId);
    this.notifier.send('workflows');
    return this.get(id, caller);
  }

  /**
   * Gives every job that did not succeed another chance, from where the workflow failed.
   * @throws Problem conflict when something of it goes on, when all of it succeeded, or when jobs of it were deleted
   */
  async retry(id: string, attempts: number, caller: Caller): Promise<Workflow> {
    const { state, version, jobCount } = await this.get(id, caller);
    if (state === 'running' || state === 'succeeded') {
      throw new Problem(
        'conflict',
        `The workflow is ${state}; only one that is failed, cancelled or held can be retried.`,
      );
    }
    if ((await this.workflows.retry(id, version, attempts)) === 'refused') {
      throw new Problem(
        'conflict',
        `The workflow has changed in this moment, or some of its ${jobCount} jobs have been deleted since: look at it again.`,
      );
    }
    this.notifier.send('work');
    return this.get(id, caller);
  }
}

/** The same for the same request. */
function fingerprint(request: object): string {
  return createHash('sha256').update(JSON.stringify(request)).digest('base64');
}
