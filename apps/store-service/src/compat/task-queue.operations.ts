/** The routes of the Flask task queue as the API's document tells them. */
import type { OperationOptions } from '../http/operation.js';
import { idempotencyKeySchema } from '../jobs/job.schemas.js';
import {
  createdTaskSchema,
  taskErrorSchema,
  taskListSchema,
  taskQueueHealthSchema,
  taskQueueStatsSchema,
  taskSchema,
} from './task-queue.schemas.js';

const tag = 'Other systems';

const TASK = {
  id: '0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9a',
  type: 'print',
  data: { text: 'hello' },
  status: 'completed',
  created_at: '2030-01-31T08:00:00.000Z',
  updated_at: '2030-01-31T08:00:00.012Z',
} as const;

const refused = (description: string, error: string) =>
  ({ description, schema: taskErrorSchema, example: { error } }) as const;

const FORBIDDEN = refused(
  'A change is asked for by a page of another site; or the API key lacks the scope, or is limited to other queues.',
  'A change may not be asked for by a page of another site.',
);

/** What each route that needs a key may answer. */
const ALWAYS = {
  401: {
    ...refused('No API key came with the request, or none that may be used.', 'An API key is needed.'),
    headers: { 'WWW-Authenticate': 'Says that a bearer token is wanted.' },
  },
  429: {
    ...refused(
      'The API key has made as many requests as its rate allows.',
      'The key "nightly reports" has made as many requests as it may. Try again in 1 s.',
    ),
    headers: { 'Retry-After': 'Seconds.' },
  },
  403: FORBIDDEN,
  500: refused(
    'An error of the store itself. It has been logged.',
    'The service met an error of its own. It has been logged.',
  ),
  503: {
    ...refused('A server behind the store is away.', 'The database cannot be reached.'),
    headers: { 'Retry-After': 'Seconds.' },
  },
} as const;

export const createTask = {
  id: 'createTask',
  tag,
  summary: 'Create a task, as the Flask task queue does',
  description:
    'Makes a job of that type in the queue `default`. An `email` is sent by way of EXECUTOR_SMTP_URL.',
  headers: { 'Idempotency-Key': idempotencyKeySchema },
  example: { body: { type: TASK.type, data: TASK.data } },
  answers: {
    ...ALWAYS,
    201: {
      description: 'The task is durable.',
      schema: createdTaskSchema,
      example: { task_id: TASK.id, status: 'queued', message: 'Task created successfully' },
    },
    400: refused(
      'The body is not JSON, or has no `type`; or the `data` of an e-mail, its `recipient` or its `content` is missing or empty.',
      'type: is required (string)',
    ),
    409: refused(
      'The task that this Idempotency-Key made has been deleted since.',
      'The job that this Idempotency-Key made has been deleted since.',
    ),
    413: refused('The body is larger than 256 KiB.', 'A request body may have 262144 bytes at most.'),
    415: refused('The body is not declared as JSON.', 'Send the body as JSON.'),
    422: refused('A field is not as it must be.', 'data.recipient: must be string'),
  },
} as const satisfies OperationOptions;

export const getTask = {
  id: 'getTask',
  tag,
  summary: 'Look up a task, as the Flask task queue does',
  answers: {
    ...ALWAYS,
    200: { description: 'The task.', schema: taskSchema, example: TASK },
    400: refused('The path is no valid URL.', "'/tasks/%' is not a valid url component"),
    404: refused('There is no task with this id.', 'Task not found'),
  },
} as const satisfies OperationOptions;

export const listTasks = {
  id: 'listTasks',
  tag,
  summary: 'List tasks, as the Flask task queue does',
  description: 'The newest 1,000 jobs, of whichever door. `/api/v1/jobs` lists them all, in pages.',
  answers: {
    ...ALWAYS,
    200: { description: 'Newest first.', schema: taskListSchema, example: { tasks: [TASK], count: 1 } },
  },
} as const satisfies OperationOptions;

export const getTaskQueueStats = {
  id: 'getTaskQueueStats',
  tag,
  summary: 'Count tasks, as the Flask task queue does',
  answers: {
    ...ALWAYS,
    200: {
      description: 'How many wait, and how many there are.',
      schema: taskQueueStatsSchema,
      example: { queue_length: 15, total_tasks: 100 },
    },
  },
} as const satisfies OperationOptions;

export const getTaskQueueHealth = {
  id: 'getTaskQueueHealth',
  tag,
  summary: 'Ask for health, as the Flask task queue does',
  description: 'Probes of an orchestrator should rather ask `/health/live` and `/health/ready`.',
  answers: {
    403: FORBIDDEN,
    500: ALWAYS[500],
    200: {
      description: 'Tasks are taken and run.',
      schema: taskQueueHealthSchema,
      example: { status: 'healthy', redis: 'connected' },
    },
    503: {
      description: 'Postgres or Redis is away, or nobody is there to run tasks.',
      schema: taskQueueHealthSchema,
      example: { status: 'unhealthy', redis: 'disconnected' },
    },
  },
  standalone: true,
} as const satisfies OperationOptions;
