/** The routes of /api/v1/queues as the API's document tells them. */
import { z } from 'zod';
import type { Json } from '#common/domain/job.js';
import type { OperationOptions } from '../http/operation.js';
import { appliedQueueSchema, queuePageSchema, queueSchema } from './queue.views.js';

const EXAMPLE = {
  name: 'mail',
  state: 'active',
  settings: {
    concurrency: 20,
    concurrencyPerKey: 1,
    rateLimit: { limit: 600, interval: 60_000 },
    drain: 'shared',
  },
  counts: { scheduled: 1250, queued: 3, running: 17, dead: 0 },
  countedTo: 10_000,
  version: 2,
  createdAt: '2030-01-30T12:00:00.000Z',
  updatedAt: '2030-01-31T08:00:00.000Z',
} as const satisfies Json;

const GIVEN = { concurrency: 20, rateLimit: { limit: 600, interval: '1m' } } as const satisfies Json;

const NO_SUCH_QUEUE = 'There is no queue of this name.';
const CHANGED = 'The queue has another version than If-Match names, or is gone.';
const etag = { ETag: 'Version of the queue, for If-Match.' };
const ifMatch = {
  'If-Match': z
    .string()
    .optional()
    .describe('ETag of an earlier answer, such as `"3"`: refuse when the queue has changed since.'),
};

export const listQueues = {
  id: 'listQueues',
  tag: 'Queues',
  summary: 'List queues',
  description: 'By name, with their settings and counts.',
  answers: {
    200: {
      description: 'A page of queues.',
      schema: queuePageSchema,
      example: { queues: [EXAMPLE], nextAfter: null },
    },
  },
} as const satisfies OperationOptions;

export const getQueue = {
  id: 'getQueue',
  tag: 'Queues',
  summary: 'Look up a queue',
  answers: { 200: { description: 'The queue.', schema: queueSchema, example: EXAMPLE, headers: etag } },
  problems: { 'not-found': NO_SUCH_QUEUE },
} as const satisfies OperationOptions;

export const applyQueue = {
  id: 'applyQueue',
  tag: 'Queues',
  summary: 'Set what a queue may do',
  description:
    'All settings: what is not given is as in a new queue. Creates the queue when there is none of that name; a pause stays as it is. When it is answered the settings are in force, also for what had been handed over and not started. The same settings a second time change nothing.',
  headers: ifMatch,
  example: { body: GIVEN },
  answers: {
    201: {
      description: 'It was created.',
      schema: appliedQueueSchema,
      example: { ...EXAMPLE, version: 1, applied: 'created' },
      headers: { Location: 'Path of the queue.', ...etag },
    },
    200: {
      description: 'It was changed, or was so already; `applied` says which.',
      schema: appliedQueueSchema,
      example: { ...EXAMPLE, applied: 'updated' },
      headers: etag,
    },
  },
  problems: {
    conflict: 'It is being changed by others all the time. Try again.',
    'precondition-failed': CHANGED,
  },
} as const satisfies OperationOptions;

export const pauseQueue = {
  id: 'pauseQueue',
  tag: 'Queues',
  summary: 'Pause a queue',
  description:
    'When it is answered, nothing of the queue starts any more, what had been handed over included. Jobs that run go on.',
  answers: {
    200: {
      description: 'It is paused.',
      schema: queueSchema,
      example: { ...EXAMPLE, state: 'paused', version: 3 },
      headers: etag,
    },
  },
  problems: { 'not-found': NO_SUCH_QUEUE },
} as const satisfies OperationOptions;

export const resumeQueue = {
  id: 'resumeQueue',
  tag: 'Queues',
  summary: 'Resume a queue',
  answers: {
    200: { description: 'It is active.', schema: queueSchema, example: EXAMPLE, headers: etag },
  },
  problems: { 'not-found': NO_SUCH_QUEUE },
} as const satisfies OperationOptions;

export const deleteQueue = {
  id: 'deleteQueue',
  tag: 'Queues',
  summary: 'Delete an empty queue',
  description: 'With its settings. It comes into being again, without settings, with the next job.',
  headers: ifMatch,
  answers: { 200: { description: 'The queue as it was.', schema: queueSchema, example: EXAMPLE } },
  problems: {
    'not-found': NO_SUCH_QUEUE,
    conflict: 'It has jobs that are scheduled, queued or running.',
    'precondition-failed': CHANGED,
  },
} as const satisfies OperationOptions;
