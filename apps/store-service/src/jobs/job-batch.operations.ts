/** POST /api/v1/jobs/batch as the API's document tells it. */
import type { OperationOptions } from '../http/operation.js';
import { shownBatchSchema } from './job-batch.schemas.js';
import { EXAMPLE_JOB } from './job.operations.js';
import { idempotencyKeySchema } from './job.schemas.js';
import { batchSchema } from './job.views.js';

export const submitBatch = {
  id: 'submitBatch',
  tag: 'Jobs',
  summary: 'Submit many jobs',
  description:
    'Up to 10,000 jobs and 32 MiB. Each is judged by itself and gets a result of its own, unless `atomic` asks for all or none. An Idempotency-Key counts for each job by its place in the batch.',
  headers: { 'Idempotency-Key': idempotencyKeySchema },
  body: shownBatchSchema,
  alsoAccepts: {
    'application/x-ndjson': {
      description: 'One job a line.',
      example: '{"type":"print","payload":{"text":"one"}}\n{"type":"print","payload":{"text":"two"}}\n',
    },
  },
  example: {
    query: { atomic: false },
    body: {
      jobs: [
        { type: 'print', payload: { text: 'one' } },
        { type: 'print', payload: { text: 'two' }, priority: 10 },
      ],
    },
  },
  answers: {
    200: {
      description: 'What became of each job.',
      schema: batchSchema,
      example: {
        created: 1,
        existing: 0,
        rejected: 1,
        results: [
          { index: 0, id: EXAMPLE_JOB.id, state: 'scheduled', created: true },
          {
            index: 1,
            error: {
              kind: 'validation-failed',
              detail: 'priority: Too big: expected number to be <=9',
              errors: [{ field: 'priority', message: 'Too big: expected number to be <=9' }],
            },
          },
        ],
      },
    },
  },
  problems: {
    conflict: 'With `atomic`: a job that this Idempotency-Key made has been deleted since.',
  },
} as const satisfies OperationOptions;
