/** TaskMaster's routes as the API's document tells them. */
import type { OperationOptions } from '../http/operation.js';
import { NO_SUCH_JOB } from '../jobs/job.operations.js';
import { idempotencyKeySchema } from '../jobs/job.schemas.js';
import { commandStatusSchema, scheduledCommandSchema } from './taskmaster.schemas.js';

const TASK_ID = '0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9a';
const BODY = { command: 'echo hello', scheduled_at: '2030-01-31T09:00:00+05:30' };

export const scheduleCommand = {
  id: 'scheduleCommand',
  tag: 'Other systems',
  summary: 'Schedule a command, as TaskMaster does',
  description:
    'Makes a `command` job that is tried again three times, at once. It finds its time in the environment variable SCHEDULED_AT.',
  headers: { 'Idempotency-Key': idempotencyKeySchema },
  example: { body: BODY },
  alsoAccepts: {
    'application/x-www-form-urlencoded': {
      description: 'The same JSON under the name that `curl -d` gives it; so too without any content type.',
      example: JSON.stringify(BODY),
    },
  },
  answers: {
    200: {
      description: 'The job is durable.',
      schema: scheduledCommandSchema,
      example: { command: BODY.command, scheduled_at: 1_896_060_600, task_id: TASK_ID },
    },
  },
  problems: { conflict: 'The job that this Idempotency-Key made has been deleted since.' },
} as const satisfies OperationOptions;

export const getCommandStatus = {
  id: 'getCommandStatus',
  tag: 'Other systems',
  summary: 'Ask what became of a command, as TaskMaster does',
  example: { query: { task_id: TASK_ID } },
  answers: {
    200: {
      description: 'When it is due, and what has happened to it.',
      schema: commandStatusSchema,
      example: {
        task_id: TASK_ID,
        command: BODY.command,
        scheduled_at: '2030-01-31T03:30:00.000Z',
        picked_at: '2030-01-31T03:30:00.002Z',
        started_at: '2030-01-31T03:30:00.004Z',
        completed_at: '2030-01-31T03:30:00.010Z',
      },
    },
  },
  problems: { 'not-found': NO_SUCH_JOB },
} as const satisfies OperationOptions;
