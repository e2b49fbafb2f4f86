/** The routes of the dead-letter queue as the API's document tells them. */
import type { OperationOptions } from '../http/operation.js';
import { EXAMPLE_JOB, NO_SUCH_JOB } from '../jobs/job.operations.js';
import { jobPageSchema, jobSchema } from '../jobs/job.views.js';
import { purgedSchema, redrivenSchema } from './dead-letter.views.js';

const DEAD = {
  ...EXAMPLE_JOB,
  state: 'dead',
  queuedAt: '2030-01-31T08:00:07.003Z',
  startedAt: '2030-01-31T08:00:07.005Z',
  finishedAt: '2030-01-31T08:00:07.012Z',
  attempt: 4,
  executor: 'executor-1',
  error: { name: 'CommandFailed', message: 'The command ended with exit code 7.', details: { exitCode: 7 } },
} as const;

export const listDeadLetters = {
  id: 'listDeadLetters',
  tag: 'Dead letters',
  summary: 'List dead jobs',
  description: 'Newest first. Every attempt of one of them is told by `GET /api/v1/jobs/{id}`.',
  example: { query: { error: 'CommandFailed' } },
  answers: {
    200: {
      description: 'A page of dead jobs.',
      schema: jobPageSchema,
      example: { jobs: [{ ...DEAD, omitted: [] }], nextCursor: null },
    },
  },
} as const satisfies OperationOptions;

export const redriveJob = {
  id: 'redriveJob',
  tag: 'Dead letters',
  summary: 'Drive one job again',
  description: 'For a dead job, or one that is held after its executor died.',
  example: { body: { attempts: 4 } },
  answers: {
    200: {
      description: 'The job is due now, with further attempts.',
      schema: jobSchema,
      example: { ...EXAMPLE_JOB, attempt: 4, maxAttempts: 8, error: DEAD.error },
    },
  },
  problems: {
    'not-found': NO_SUCH_JOB,
    conflict: 'The job is neither dead nor held, or another unfinished job has its uniqueKey.',
  },
} as const satisfies OperationOptions;

const MEANT = 'Needs a filter, or `all: true` for every dead job; `dryRun` only counts.';

export const redriveDeadLetters = {
  id: 'redriveDeadLetters',
  tag: 'Dead letters',
  summary: 'Drive many dead jobs again',
  description: `All that match are due now, with further attempts. ${MEANT}`,
  example: { body: { type: 'command', error: 'CommandFailed', attempts: 2 } },
  answers: {
    200: {
      description: 'How many matched, and how many are due now.',
      schema: redrivenSchema,
      example: { matched: 12, redriven: 12 },
    },
  },
} as const satisfies OperationOptions;

export const purgeDeadLetters = {
  id: 'purgeDeadLetters',
  tag: 'Dead letters',
  summary: 'Delete dead jobs',
  description: `Deletes all that match, with their history and output, for good. ${MEANT}`,
  example: { body: { failedBefore: '2030-01-01T00:00:00Z', dryRun: true } },
  answers: {
    200: {
      description: 'How many matched, and how many were deleted.',
      schema: purgedSchema,
      example: { matched: 12, purged: 0 },
    },
  },
} as const satisfies OperationOptions;
