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
    'Up to 10,000 jobs and 32 MiB. Each is judged by itself and gets a result of its own, unless `atomic` asks for all or none. An Idempotency-Key counts for each job by its place in the batch.\n\nSent as `application/x-ndjson` with `Accept: application/x-ndjson`, lines are submitted while they come, and each is answered as soon as its job is stored, in their order, while more is sent; what was answered as submitted stays submitted, whatever follows. Without that header all lines are read before the first job is stored, and so they are with `atomic`. The body has 25 s to come.',
  headers: { 'Idempotency-Key': idempotencyKeySchema },
  body: shownBatchSchema,
  alsoAccepts: {
    'application/x-ndjson': {
      description: 'One job a line. Blank lines are passed over.',
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
      orAs: {
        'application/x-ndjson': {
          description:
            'Where `Accept` asks for it: one BatchResult a line. When the rest of the lines cannot be taken (there are too many, the body is too large, a server is away), the last line is a Problem: it has `type` and `status`, and no `index`.',
          example:
            '{"index":0,"id":"0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9a","state":"scheduled","created":true}\n{"index":1,"error":{"kind":"validation-failed","detail":"line 2: is not valid JSON","errors":[{"field":"line 2","message":"is not valid JSON"}]}}\n',
        },
      },
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
