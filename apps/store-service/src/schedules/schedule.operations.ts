/** The routes of /api/v1/schedules as the API's document tells them. */
import { z } from 'zod';
import type { Json } from '#common/domain/job.js';
import type { OperationOptions } from '../http/operation.js';
import {
  appliedSchema,
  occurrencePageSchema,
  previewViewSchema,
  schedulePageSchema,
  scheduleRunSchema,
  scheduleSchema,
} from './schedule.views.js';

const GIVEN = {
  cron: '30 3 * * *',
  timezone: 'Europe/Berlin',
  job: { type: 'command', payload: { command: 'echo report' } },
} as const satisfies Json;

const EXAMPLE = {
  id: '0198f2a4-7a20-7c11-9b3c-5d6e7f8091a2',
  name: 'nightly-report',
  state: 'active',
  definition: {
    cron: GIVEN.cron,
    gap: null,
    fold: null,
    timezone: GIVEN.timezone,
    start: null,
    end: null,
    maxCount: null,
    jitter: 0,
    missedRuns: 'once',
    grace: 60_000,
    overlap: 'allow',
    job: {
      ...GIVEN.job,
      name: null,
      queue: 'default',
      priority: 5,
      maxAttempts: 4,
      timeout: 3_600_000,
      retry: null,
      tags: [],
      expiresAt: null,
      onLost: 'retry',
      concurrencyKey: null,
      fairnessKey: null,
    },
  },
  nextDueAt: '2030-01-31T02:30:00.000Z',
  waitingDueAt: null,
  firedCount: 0,
  version: 1,
  createdAt: '2030-01-30T12:00:00.000Z',
  updatedAt: '2030-01-30T12:00:00.000Z',
} as const satisfies Json;

const DUE_TIMES = {
  timezone: GIVEN.timezone,
  dueTimes: [
    {
      utc: '2030-01-31T02:30:00.000Z',
      local: '2030-01-31T03:30:00.000+01:00',
      clock: 'none',
      wallClock: '2030-01-31T03:30:00.000',
      runAt: '2030-01-31T02:30:00.000Z',
    },
  ],
} as const satisfies Json;

const NO_SUCH_SCHEDULE = 'There is no schedule of this name.';
const CHANGED = 'The schedule has another version than If-Match names, or is gone.';
const etag = { ETag: 'Version of the schedule, for If-Match.' };
const ifMatch = {
  'If-Match': z
    .string()
    .optional()
    .describe('ETag of an earlier answer, such as `"3"`: refuse when the schedule has changed since.'),
};

export const createSchedule = {
  id: 'createSchedule',
  tag: 'Schedules',
  summary: 'Create a schedule',
  example: { body: { name: EXAMPLE.name, ...GIVEN } },
  answers: {
    201: {
      description: 'It was created.',
      schema: scheduleSchema,
      example: EXAMPLE,
      headers: { Location: 'Path of the schedule.', ...etag },
    },
  },
  problems: { conflict: 'There is a schedule of this name.' },
} as const satisfies OperationOptions;

export const listSchedules = {
  id: 'listSchedules',
  tag: 'Schedules',
  summary: 'List schedules',
  description: 'Newest first.',
  answers: {
    200: {
      description: 'A page of schedules.',
      schema: schedulePageSchema,
      example: { schedules: [EXAMPLE], nextCursor: null },
    },
  },
} as const satisfies OperationOptions;

export const getSchedule = {
  id: 'getSchedule',
  tag: 'Schedules',
  summary: 'Look up a schedule',
  answers: {
    200: { description: 'The schedule.', schema: scheduleSchema, example: EXAMPLE, headers: etag },
  },
  problems: { 'not-found': NO_SUCH_SCHEDULE },
} as const satisfies OperationOptions;

export const applySchedule = {
  id: 'applySchedule',
  tag: 'Schedules',
  summary: 'Make a schedule be as given',
  description:
    'Creates it when there is none of that name. The same definition a second time changes nothing.',
  headers: ifMatch,
  example: { query: { dryRun: false }, body: GIVEN },
  answers: {
    201: {
      description: 'It was created.',
      schema: appliedSchema,
      example: {
        applied: 'created',
        dryRun: false,
        changes: [{ field: 'cron', before: null, after: GIVEN.cron }],
        schedule: EXAMPLE,
      },
      headers: { Location: 'Path of the schedule.', ...etag },
    },
    200: {
      description:
        'It was changed, or was so already, or this was a dry run; `applied` says which, `changes` what.',
      schema: appliedSchema,
      example: { applied: 'unchanged', dryRun: false, changes: [], schedule: EXAMPLE },
      headers: etag,
    },
  },
  problems: { 'precondition-failed': CHANGED },
} as const satisfies OperationOptions;

export const patchSchedule = {
  id: 'patchSchedule',
  tag: 'Schedules',
  summary: 'Change parts of a schedule',
  description: 'A merge patch (RFC 7396) of the definition. The result is checked as a whole.',
  headers: ifMatch,
  example: { body: { cron: '0 4 * * *', job: { priority: 2 } } },
  answers: {
    200: {
      description: 'The schedule as it is now.',
      schema: scheduleSchema,
      example: {
        ...EXAMPLE,
        definition: {
          ...EXAMPLE.definition,
          cron: '0 4 * * *',
          job: { ...EXAMPLE.definition.job, priority: 2 },
        },
        nextDueAt: '2030-01-31T03:00:00.000Z',
        version: 2,
      },
      headers: etag,
    },
  },
  problems: { 'not-found': NO_SUCH_SCHEDULE, 'precondition-failed': CHANGED },
} as const satisfies OperationOptions;

export const deleteSchedule = {
  id: 'deleteSchedule',
  tag: 'Schedules',
  summary: 'Delete a schedule',
  description: 'With the record of its due times. Its jobs stay.',
  headers: ifMatch,
  answers: { 200: { description: 'The schedule as it was.', schema: scheduleSchema, example: EXAMPLE } },
  problems: { 'not-found': NO_SUCH_SCHEDULE, 'precondition-failed': CHANGED },
} as const satisfies OperationOptions;

export const pauseSchedule = {
  id: 'pauseSchedule',
  tag: 'Schedules',
  summary: 'Pause a schedule',
  description:
    'Nothing is fired until it is resumed; what falls due meanwhile is then treated as missed runs are.',
  answers: {
    200: { description: 'It is paused.', schema: scheduleSchema, example: { ...EXAMPLE, state: 'paused' } },
  },
  problems: { 'not-found': NO_SUCH_SCHEDULE },
} as const satisfies OperationOptions;

export const resumeSchedule = {
  id: 'resumeSchedule',
  tag: 'Schedules',
  summary: 'Resume a schedule',
  answers: { 200: { description: 'It is active.', schema: scheduleSchema, example: EXAMPLE } },
  problems: { 'not-found': NO_SUCH_SCHEDULE },
} as const satisfies OperationOptions;

export const runSchedule = {
  id: 'runSchedule',
  tag: 'Schedules',
  summary: 'Run a schedule now',
  description:
    'Makes a job at once, beside what the schedule makes by itself, whatever the pause and the overlap say.',
  answers: {
    201: {
      description: 'A job was made.',
      schema: scheduleRunSchema,
      example: { jobId: '0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9a', dueAt: '2030-01-30T12:00:05.000Z' },
      headers: { Location: 'Path of the job.' },
    },
  },
  problems: {
    'not-found': NO_SUCH_SCHEDULE,
    conflict: 'It was run in this very millisecond. Try again.',
  },
} as const satisfies OperationOptions;

export const listOccurrences = {
  id: 'listOccurrences',
  tag: 'Schedules',
  summary: 'Read what became of each due time',
  description: 'Latest first.',
  example: { query: { outcome: 'skipped' } },
  answers: {
    200: {
      description: 'A page of due times.',
      schema: occurrencePageSchema,
      example: {
        occurrences: [
          {
            dueAt: '2030-01-31T02:30:00.000Z',
            outcome: 'fired',
            reason: null,
            lateness: 4,
            runAt: '2030-01-31T02:30:00.000Z',
            jobId: '0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9a',
            recordedAt: '2030-01-31T02:30:00.004Z',
          },
        ],
        nextBefore: null,
      },
    },
  },
  problems: { 'not-found': NO_SUCH_SCHEDULE },
} as const satisfies OperationOptions;

export const previewSchedule = {
  id: 'previewSchedule',
  tag: 'Schedules',
  summary: 'See the next due times of a schedule',
  example: { query: { count: 5 } },
  answers: { 200: { description: 'Due times.', schema: previewViewSchema, example: DUE_TIMES } },
  problems: { 'not-found': NO_SUCH_SCHEDULE },
} as const satisfies OperationOptions;

export const previewDefinition = {
  id: 'previewDefinition',
  tag: 'Schedules',
  summary: 'See the due times of a timetable that is not saved',
  example: { body: { cron: GIVEN.cron, timezone: GIVEN.timezone, count: 5 } },
  answers: { 200: { description: 'Due times.', schema: previewViewSchema, example: DUE_TIMES } },
} as const satisfies OperationOptions;
