/** The routes of /api/v1/jobs as the API's document tells them. */
import type { Json } from '#common/domain/job.js';
import type { OperationOptions } from '../http/operation.js';
import { idempotencyKeySchema, outputIdSchema } from './job.schemas.js';
import { foundJobsSchema, jobSchema, jobWithAttemptsSchema, outputSchema } from './job.views.js';

/** A job of the examples, as it is just after its submission. */
export const EXAMPLE_JOB = {
  id: '0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9a',
  name: 'nightly report',
  type: 'command',
  queue: 'default',
  state: 'scheduled',
  priority: 5,
  payload: { command: 'echo hello' },
  runAt: '2030-01-31T08:00:00.000Z',
  createdAt: '2030-01-31T08:00:00.000Z',
  queuedAt: null,
  startedAt: null,
  finishedAt: null,
  attempt: 0,
  maxAttempts: 4,
  timeout: 3_600_000,
  retry: null,
  executor: null,
  worker: null,
  cancelRequestedAt: null,
  expiresAt: null,
  tags: ['reports'],
  onLost: 'retry',
  concurrencyKey: null,
  fairnessKey: null,
  uniqueKey: null,
  workflowId: null,
  waitsFor: null,
  createdBy: null,
  result: null,
  error: null,
} as const satisfies Json;

const DONE = {
  ...EXAMPLE_JOB,
  state: 'succeeded',
  queuedAt: '2030-01-31T08:00:00.003Z',
  startedAt: '2030-01-31T08:00:00.005Z',
  finishedAt: '2030-01-31T08:00:00.012Z',
  attempt: 1,
  executor: 'executor-1',
  result: { exitCode: 0 },
} as const satisfies Json;

export const NO_SUCH_JOB = 'There is no job with this id.';
const location = { Location: 'Path of the job.' };

export const submitJob = {
  id: 'submitJob',
  tag: 'Jobs',
  summary: 'Submit a job',
  description:
    'Answers once the job is durable: whatever dies afterwards, it will run. With an Idempotency-Key the request can be sent again when its answer was lost.',
  headers: { 'Idempotency-Key': idempotencyKeySchema },
  example: {
    body: { type: 'command', payload: { command: 'echo hello' }, name: 'nightly report', tags: ['reports'] },
    headers: { 'Idempotency-Key': 'report-2030-01-31' },
  },
  answers: {
    201: { description: 'The job was made.', schema: jobSchema, example: EXAMPLE_JOB, headers: location },
    200: {
      description:
        'No new job was made: the Idempotency-Key has been used for this very request, or an unfinished job has the uniqueKey and the policy is `return-existing`. The answer is that job.',
      schema: jobSchema,
      example: EXAMPLE_JOB,
      headers: location,
    },
  },
  problems: {
    conflict:
      'An unfinished job has the uniqueKey and the policy is `reject`; or the job that this Idempotency-Key made has been deleted since.',
  },
} as const satisfies OperationOptions;

export const listJobs = {
  id: 'listJobs',
  tag: 'Jobs',
  summary: 'List and search jobs',
  description:
    'Newest first. Payloads and results that are large are left out, and named in `omitted`. However many jobs there are, an answer takes some tens of milliseconds: what is too rare to be found in that time is looked for among so many of the newest jobs, `searchedBackTo` says how far back, and `nextCursor` goes on from there.',
  example: { query: { state: ['queued', 'running'], q: 'type:command "nightly report"', limit: 20 } },
  answers: {
    200: {
      description: 'A page of jobs.',
      schema: foundJobsSchema,
      example: { jobs: [{ ...DONE, omitted: [] }], nextCursor: null, searchedBackTo: null },
    },
  },
  problems: { 'validation-failed': 'The query (`q`) is wrong; the answer says where, and what is allowed.' },
} as const satisfies OperationOptions;

export const getJob = {
  id: 'getJob',
  tag: 'Jobs',
  summary: 'Look up a job',
  answers: {
    200: {
      description: 'The job, with every attempt.',
      schema: jobWithAttemptsSchema,
      example: {
        ...DONE,
        progress: null,
        attempts: [
          {
            attempt: 1,
            outcome: 'succeeded',
            executor: DONE.executor,
            startedAt: DONE.startedAt,
            finishedAt: DONE.finishedAt,
            error: null,
          },
        ],
        parents: [],
      },
    },
  },
  problems: { 'not-found': NO_SUCH_JOB },
} as const satisfies OperationOptions;

export const cancelJob = {
  id: 'cancelJob',
  tag: 'Jobs',
  summary: 'Cancel a job',
  answers: {
    200: {
      description: 'It is cancelled and will not run.',
      schema: jobSchema,
      example: { ...EXAMPLE_JOB, state: 'cancelled', finishedAt: '2030-01-31T08:00:01.000Z' },
    },
    202: {
      description: 'It runs, and has been asked to end; it is cancelled as soon as it has.',
      schema: jobSchema,
      example: {
        ...DONE,
        state: 'running',
        finishedAt: null,
        result: null,
        cancelRequestedAt: '2030-01-31T08:00:01.000Z',
      },
    },
  },
  problems: { 'not-found': NO_SUCH_JOB, conflict: 'The job has ended already.' },
} as const satisfies OperationOptions;

const FOLLOWED = `id: 1.1.0.0
event: attempt
data: {"attempt":1}

id: 1.1.6.0
event: output
data: {"stream":"out","text":"hello\\n"}

event: end
data: {"attempt":1,"state":"succeeded"}

id: done
event: done
data: {"state":"succeeded"}

`;

export const getJobOutput = {
  id: 'getJobOutput',
  tag: 'Jobs',
  summary: 'Read what a job wrote',
  description:
    'Of each attempt the beginning and the end are kept, 256 KiB together. With `follow=true` the answer is a stream that tells what the job writes within 200 ms of its being written, attempt after attempt, each byte once, until the job has ended; Last-Event-ID, of whichever store, goes on where another stream ended.',
  headers: { 'Last-Event-ID': outputIdSchema },
  example: { query: { attempt: 1 } },
  answers: {
    200: {
      description: 'What the attempt has written so far.',
      schema: outputSchema,
      example: {
        jobId: EXAMPLE_JOB.id,
        attempt: 1,
        output: 'hello\n',
        stdout: 'hello\n',
        stderr: '',
        truncated: false,
        omittedBytes: 0,
      },
      orAs: {
        'text/event-stream': {
          description:
            'With `follow=true`. `attempt`: what follows belongs to this one. `output`: a piece, and how many bytes before it could not be told, if any. `end`: the attempt is over, and how the job is now. `done`: the job has ended. `gap`: not all could be told.',
          example: FOLLOWED,
        },
      },
    },
    204: {
      description:
        'With `follow=true`, for a client whose Last-Event-ID says that it has been told everything.',
    },
  },
  problems: { 'not-found': 'There is no job with this id, or it has not had this attempt.' },
} as const satisfies OperationOptions;
