/** The routes of bulk operations as the API's document tells them. */
import type { OperationOptions } from '../http/operation.js';
import { idempotencyKeySchema } from '../jobs/job.schemas.js';
import { bulkCountSchema, bulkOperationSchema, bulkPageSchema } from './bulk.views.js';

const RUNNING = {
  id: '0198f2a4-8e33-7f4a-8c6d-5b7a8f9edcba',
  action: 'cancel',
  filter: { queue: 'mail', state: ['scheduled'], q: 'payload.customer:42' },
  attempts: null,
  priority: null,
  state: 'running',
  percent: 37.5,
  matched: 1200,
  done: 1190,
  skipped: { ended: 10 },
  requestedBy: null,
  error: null,
  createdAt: '2030-01-31T08:00:00.000Z',
  startedAt: '2030-01-31T08:00:00.004Z',
  finishedAt: null,
} as const;

const NO_SUCH_OPERATION = 'There is no bulk operation with this id, or it ended more than 30 days ago.';

export const createBulk = {
  id: 'createBulkOperation',
  tag: 'Bulk operations',
  summary: 'Cancel, retry, delete or reprioritise many jobs',
  description:
    'Goes through all jobs that fit and were there when it was asked for, from the newest to the oldest, in the background: it survives the store that runs it, and leaves feeding the right of way. Jobs that are not in a state for it are left alone and counted by reason. Needs a filter, or `all: true`; `dryRun` only counts. With an Idempotency-Key the request can be sent again when its answer was lost.',
  headers: { 'Idempotency-Key': idempotencyKeySchema },
  example: { body: { action: 'cancel', filter: { queue: 'mail', q: 'payload.customer:42' }, dryRun: false } },
  answers: {
    202: {
      description: 'It has begun; with a used Idempotency-Key, the operation that was made first.',
      schema: bulkOperationSchema,
      example: { ...RUNNING, percent: 0, matched: 0, done: 0, skipped: {}, startedAt: null },
      headers: { Location: 'Path of the operation.' },
    },
    200: {
      description: 'With `dryRun`: how many jobs fit.',
      schema: bulkCountSchema,
      example: { matched: 1250, byState: { scheduled: 1240, running: 10 }, countedBackTo: null },
    },
  },
} as const satisfies OperationOptions;

export const listBulk = {
  id: 'listBulkOperations',
  tag: 'Bulk operations',
  summary: 'List bulk operations',
  description: 'Newest first; those that ended more than 30 days ago are forgotten.',
  answers: {
    200: {
      description: 'A page of operations.',
      schema: bulkPageSchema,
      example: { operations: [RUNNING], nextCursor: null },
    },
  },
} as const satisfies OperationOptions;

export const getBulk = {
  id: 'getBulkOperation',
  tag: 'Bulk operations',
  summary: 'Look up a bulk operation',
  answers: {
    200: {
      description: 'The operation, as far as it has come.',
      schema: bulkOperationSchema,
      example: RUNNING,
    },
  },
  problems: { 'not-found': NO_SUCH_OPERATION },
} as const satisfies OperationOptions;

export const cancelBulk = {
  id: 'cancelBulkOperation',
  tag: 'Bulk operations',
  summary: 'Stop a bulk operation',
  description: 'What it has done stays done; the batch that is under way is its last.',
  answers: {
    200: {
      description: 'It goes no further.',
      schema: bulkOperationSchema,
      example: { ...RUNNING, state: 'cancelled', finishedAt: '2030-01-31T08:00:02.000Z' },
    },
  },
  problems: { 'not-found': NO_SUCH_OPERATION, conflict: 'It has ended.' },
} as const satisfies OperationOptions;
