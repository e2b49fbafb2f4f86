/** The routes of workers outside as the API's document tells them. */
import type { OperationOptions } from '../http/operation.js';
import { EXAMPLE_JOB, NO_SUCH_JOB } from '../jobs/job.operations.js';
import {
  heartbeatSchema,
  leaseAnswerSchema,
  leaseBatchAnswerSchema,
  leasesSchema,
  typeSchema,
  typesSchema,
} from './lease.views.js';

const TOKEN = 'mVQm2Zr6b1pGf0T9oZl3xS8yK4wN7uEd.1.1.30000';
const JOB_ID = EXAMPLE_JOB.id;
const OUTPUT = [{ text: 'half way\n' }];
const SCHEMA = { type: 'object', required: ['text'], properties: { text: { type: 'string' } } } as const;
const WORD_COUNT = { type: 'word-count', payloadSchema: SCHEMA, remote: true } as const;

export const leaseJobs = {
  id: 'leaseJobs',
  tag: 'Workers',
  summary: 'Lease jobs to run them',
  description:
    'Starts due jobs of the named types, most urgent first, and hands them to the worker that asks. With `wait` the answer comes as soon as there is a job. A worker that is silent for longer than `lease` loses the job, which is tried again like one of an executor that died.',
  example: { body: { types: ['word-count'], max: 4, wait: 0, lease: '30s', worker: 'python-1' } },
  answers: {
    200: {
      description: 'The jobs, each with the secret of its lease.',
      schema: leasesSchema,
      example: {
        leases: [
          {
            leaseToken: TOKEN,
            expiresAt: '2030-01-31T08:00:30.005Z',
            job: {
              ...EXAMPLE_JOB,
              type: 'word-count',
              payload: { text: 'two words' },
              state: 'running',
              queuedAt: '2030-01-31T08:00:00.005Z',
              startedAt: '2030-01-31T08:00:00.005Z',
              attempt: 1,
              executor: '5e0f3c1a-7b2d-8c4e-9f10-2a3b4c5d6e7f',
              worker: 'python-1',
            },
          },
        ],
      },
    },
  },
  problems: { conflict: 'Executors run one of the types.' },
} as const satisfies OperationOptions;

const problems = {
  'not-found': NO_SUCH_JOB,
  conflict:
    'The lease no longer holds the job, or the state of the job does not allow it. `errors` lists the states that can follow the present one.',
} as const;

function answer<State extends string>(state: State) {
  return {
    200: {
      description: 'Recorded.',
      schema: leaseAnswerSchema,
      example: { jobId: JOB_ID, state },
    },
  } as const;
}

export const heartbeat = {
  id: 'renewLease',
  tag: 'Workers',
  summary: 'Keep a job: heartbeat',
  description: 'Renews the lease for as long as it was asked for, or for `lease`; tells of a cancel.',
  example: { body: { leaseToken: TOKEN } },
  answers: {
    200: {
      description: 'Renewed.',
      schema: heartbeatSchema,
      example: {
        jobId: JOB_ID,
        state: 'running',
        expiresAt: '2030-01-31T08:00:40.005Z',
        cancelRequested: false,
      },
    },
  },
  problems,
} as const satisfies OperationOptions;

export const output = {
  id: 'appendLeaseOutput',
  tag: 'Workers',
  summary: 'Append what the job wrote',
  description: 'Beyond 256 KiB, or 10,000 pieces, for an attempt only the bytes are counted.',
  example: { body: { leaseToken: TOKEN, output: OUTPUT } },
  answers: answer('running'),
  problems,
} as const satisfies OperationOptions;

export const complete = {
  id: 'completeLease',
  tag: 'Workers',
  summary: 'The job has succeeded',
  description: 'Sent again by the same lease, because the answer was lost, it is answered alike.',
  example: { body: { leaseToken: TOKEN, result: { words: 2 } } },
  answers: answer('succeeded'),
  problems,
} as const satisfies OperationOptions;

export const fail = {
  id: 'failLease',
  tag: 'Workers',
  summary: 'The attempt has failed',
  description:
    'The job is tried again by its own policy, or at `retryAfter`; it is dead when its attempts are used up, or with `final`.',
  example: {
    body: { leaseToken: TOKEN, error: { name: 'ValueError', message: 'the text has no words' }, final: true },
  },
  answers: answer('dead'),
  problems,
} as const satisfies OperationOptions;

export const snooze = {
  id: 'snoozeLease',
  tag: 'Workers',
  summary: 'Lease it out again later',
  description: 'Nothing went wrong; the attempt is not counted, and what it wrote is not kept.',
  example: { body: { leaseToken: TOKEN, delay: '5m' } },
  answers: answer('scheduled'),
  problems,
} as const satisfies OperationOptions;

export const release = {
  id: 'releaseLease',
  tag: 'Workers',
  summary: 'Hand the job back',
  description:
    'As if it had not been started: it is due again at once, and the attempt is not counted. A job whose cancel was asked for becomes cancelled.',
  example: { body: { leaseToken: TOKEN } },
  answers: answer('scheduled'),
  problems,
} as const satisfies OperationOptions;

export const cancelled = {
  id: 'confirmCancel',
  tag: 'Workers',
  summary: 'The job was ended because its cancel was asked for',
  description: 'Refused when nobody has asked for it.',
  example: { body: { leaseToken: TOKEN } },
  answers: answer('cancelled'),
  problems,
} as const satisfies OperationOptions;

export const leaseBatch = {
  id: 'leaseBatch',
  tag: 'Workers',
  summary: 'Many calls at once',
  description:
    'Up to 1,000 calls and 32 MiB. Each has `action` (the last word of the path of a single call), `jobId`, and the body of a single call. Each is judged by itself; those about one job are done in their order.',
  example: {
    body: {
      actions: [
        { action: 'output', jobId: JOB_ID, leaseToken: TOKEN, output: OUTPUT },
        { action: 'complete', jobId: JOB_ID, leaseToken: TOKEN, result: { words: 2 } },
      ],
    },
  },
  answers: {
    200: {
      description: 'What became of each call.',
      schema: leaseBatchAnswerSchema,
      example: {
        results: [
          { index: 0, jobId: JOB_ID, state: 'running' },
          { index: 1, jobId: JOB_ID, state: 'succeeded' },
        ],
      },
    },
  },
} as const satisfies OperationOptions;

export const listTypes = {
  id: 'listTypes',
  tag: 'Workers',
  summary: 'List the job types',
  description: 'All types of which jobs are accepted, and who runs them.',
  answers: { 200: { description: 'By name.', schema: typesSchema, example: { types: [WORD_COUNT] } } },
} as const satisfies OperationOptions;

const announced = { schema: typeSchema, example: WORD_COUNT } as const;

export const announceType = {
  id: 'announceType',
  tag: 'Workers',
  summary: 'Announce a type that workers run',
  description:
    'Jobs of that type are accepted from now on, if they fit the schema, and wait for workers. Unfinished jobs that executors of the past have left become theirs. To be repeated by every worker that starts: the latest schema counts.',
  example: { body: { payloadSchema: SCHEMA } },
  answers: {
    200: { description: 'It was theirs already.', ...announced },
    201: { description: 'It is theirs now.', ...announced },
  },
  problems: { conflict: 'Executors run the type.' },
} as const satisfies OperationOptions;

export const forgetType = {
  id: 'forgetType',
  tag: 'Workers',
  summary: 'Take a type from the workers',
  description: 'No more jobs of it are accepted, and unfinished ones wait for an executor that runs it.',
  answers: { 200: { description: 'It is theirs no more.', ...announced } },
  problems: { 'not-found': 'No such type has been announced for workers.' },
} as const satisfies OperationOptions;
