/** The routes of /api/v1/workflows as the API's document tells them. */
import type { Json } from '#common/domain/job.js';
import type { OperationOptions } from '../http/operation.js';
import { EXAMPLE_JOB } from '../jobs/job.operations.js';
import { idempotencyKeySchema } from '../jobs/job.schemas.js';
import { shownWorkflowSchema } from './workflow.schemas.js';
import { workflowPageSchema, workflowSchema, workflowWithJobsSchema } from './workflow.views.js';

const EXAMPLE = {
  id: '0198f2a4-7d22-7e3f-9b5c-4a6f7e8d9cab',
  name: 'nightly',
  state: 'running',
  progress: {
    total: 2,
    finished: 0,
    held: 0,
    blocked: 1,
    scheduled: 1,
    queued: 0,
    running: 0,
    succeeded: 0,
    dead: 0,
    cancelled: 0,
    expired: 0,
  },
  createdAt: '2030-01-31T08:00:00.000Z',
  cancelRequestedAt: null,
  finishedAt: null,
} as const satisfies Json;

const CANCELLED = {
  ...EXAMPLE,
  state: 'cancelled',
  progress: { ...EXAMPLE.progress, finished: 2, blocked: 0, scheduled: 0, cancelled: 2 },
  cancelRequestedAt: '2030-01-31T08:00:01.000Z',
  finishedAt: '2030-01-31T08:00:01.000Z',
} as const satisfies Json;

const NO_SUCH_WORKFLOW = 'There is no workflow with this id.';
const location = { Location: 'Path of the workflow.' };

export const submitWorkflow = {
  id: 'submitWorkflow',
  tag: 'Workflows',
  summary: 'Submit a workflow',
  description:
    'Up to 10,000 jobs with 100,000 dependencies, in 32 MiB: all of them are stored, or none. A job starts when all it depends on have succeeded. A name that no job has, or a cycle, is refused and shown. With an Idempotency-Key the request can be sent again when its answer was lost.',
  headers: { 'Idempotency-Key': idempotencyKeySchema },
  body: shownWorkflowSchema,
  example: {
    body: {
      name: 'nightly',
      jobs: [
        { name: 'extract', type: 'command', payload: { command: 'echo extract' } },
        {
          name: 'report',
          type: 'command',
          payload: { command: 'echo "$JOB_PARENTS"' },
          dependsOn: ['extract'],
          onDependencyFailure: 'hold',
        },
      ],
    },
    headers: { 'Idempotency-Key': 'nightly-2030-01-31' },
  },
  answers: {
    201: {
      description: 'All of its jobs are durable.',
      schema: workflowSchema,
      example: EXAMPLE,
      headers: location,
    },
    200: {
      description:
        'The Idempotency-Key has been used for this very request; the answer is what that one made.',
      schema: workflowSchema,
      example: EXAMPLE,
      headers: location,
    },
  },
  problems: { conflict: 'The workflow that this Idempotency-Key made has been deleted since.' },
} as const satisfies OperationOptions;

export const listWorkflows = {
  id: 'listWorkflows',
  tag: 'Workflows',
  summary: 'List workflows',
  description: 'Newest first.',
  example: { query: { finished: false, limit: 20 } },
  answers: {
    200: {
      description: 'A page of workflows.',
      schema: workflowPageSchema,
      example: { workflows: [EXAMPLE], nextCursor: null },
    },
  },
} as const satisfies OperationOptions;

export const getWorkflow = {
  id: 'getWorkflow',
  tag: 'Workflows',
  summary: 'Look up a workflow and its jobs',
  description: 'Each job comes after those that it depends on, page by page.',
  example: { query: { state: ['dead', 'cancelled'], limit: 20 } },
  answers: {
    200: {
      description: 'The workflow, with a page of its jobs.',
      schema: workflowWithJobsSchema,
      example: {
        ...EXAMPLE,
        jobs: [{ ...EXAMPLE_JOB, workflowId: EXAMPLE.id, omitted: [], dependsOn: [] }],
        nextCursor: null,
      },
    },
  },
  problems: { 'not-found': NO_SUCH_WORKFLOW },
} as const satisfies OperationOptions;

export const cancelWorkflow = {
  id: 'cancelWorkflow',
  tag: 'Workflows',
  summary: 'Cancel a workflow',
  description: 'Nothing of it starts after the answer.',
  answers: {
    200: { description: 'All of it has ended.', schema: workflowSchema, example: CANCELLED },
    202: {
      description: 'Some of its jobs run, and have been asked to end.',
      schema: workflowSchema,
      example: {
        ...CANCELLED,
        state: 'running',
        progress: { ...CANCELLED.progress, finished: 1, cancelled: 1, running: 1 },
        finishedAt: null,
      },
    },
  },
  problems: { 'not-found': NO_SUCH_WORKFLOW, conflict: 'All of it has ended already.' },
} as const satisfies OperationOptions;

export const retryWorkflow = {
  id: 'retryWorkflow',
  tag: 'Workflows',
  summary: 'Retry a workflow from where it failed',
  description:
    'Every job that did not succeed gets another chance; what has succeeded is not run again. Jobs that depend on none of these are due now.',
  example: { body: { attempts: 2 } },
  answers: {
    200: { description: 'It goes on.', schema: workflowSchema, example: EXAMPLE },
  },
  problems: {
    'not-found': NO_SUCH_WORKFLOW,
    conflict: 'Something of it goes on, all of it has succeeded, or jobs of it have been deleted.',
  },
} as const satisfies OperationOptions;
