/** Schedules as the API shows them. Each description is part of the API's documentation. */
import { z } from 'zod';
import { OUTCOMES } from '#common/domain/firing-plan.js';
import { FOLD_POLICIES, GAP_POLICIES } from '#common/domain/recurrence/due-times.js';
import { MISSED_RUN_POLICIES } from '#common/domain/recurrence/missed-runs.js';
import { OVERLAP_POLICIES } from '#common/domain/recurrence/overlap.js';
import { json, nextCursor, time, wholeNumber } from '../http/answer-fields.js';
import type { View } from '../http/operation.js';
import { jobSettingsView } from '../jobs/job.views.js';

const definitionView = z
  .object({
    cron: z.string().optional(),
    gap: z.enum(GAP_POLICIES).nullish().describe('Only with cron. Null is the default for its expression.'),
    fold: z.enum(FOLD_POLICIES).nullish().describe('Only with cron. Null is the default for its expression.'),
    every: wholeNumber.optional().describe('Milliseconds; only without cron.'),
    timezone: z.string(),
    start: time.nullable(),
    end: time.nullable(),
    maxCount: wholeNumber.nullable(),
    jitter: wholeNumber.describe('Milliseconds.'),
    missedRuns: z.enum(MISSED_RUN_POLICIES),
    grace: wholeNumber.describe('Milliseconds.'),
    overlap: z.enum(OVERLAP_POLICIES),
    job: z.object({
      ...jobSettingsView,
      expiresAt: wholeNumber
        .nullable()
        .describe('How long after it is due a job expires that has not started, in milliseconds.'),
    }),
  })
  .meta({
    id: 'ScheduleDefinitionView',
    description: 'What was defined, with every default filled in. It can be sent back as it is.',
  });
export type DefinitionView = View<typeof definitionView>;

export const scheduleSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    state: z.enum(['active', 'paused', 'finished']).describe('`finished`: it has no due time left.'),
    definition: definitionView,
    nextDueAt: time
      .nullable()
      .describe('Null when there is none; while it is paused it may lie in the past.'),
    waitingDueAt: time.nullable().describe('The due time that waits for an earlier job to finish.'),
    firedCount: wholeNumber.describe('Due times that made a job.'),
    version: wholeNumber.describe('Counts changes; its ETag.'),
    createdAt: time,
    updatedAt: time,
  })
  .meta({ id: 'Schedule', description: 'A job that recurs.' });
export type ScheduleView = View<typeof scheduleSchema>;

export const schedulePageSchema = z
  .object({ schedules: z.array(scheduleSchema), nextCursor })
  .meta({ id: 'SchedulePage', description: 'Schedules, newest first.' });

const changeSchema = z
  .object({
    field: z.string().describe('Path of the field, such as `job.payload`.'),
    before: json.describe('Null where there was nothing.'),
    after: json,
  })
  .meta({ id: 'Change', description: 'A field that differs.' });
export type Change = View<typeof changeSchema>;

export const appliedSchema = z
  .object({
    applied: z.enum(['created', 'updated', 'unchanged']),
    dryRun: z.boolean(),
    changes: z.array(changeSchema),
    schedule: scheduleSchema.nullable().describe('Null when it was a dry run and there is no schedule yet.'),
  })
  .meta({ id: 'Applied', description: 'What applying a definition did, or would do.' });
export type AppliedView = View<typeof appliedSchema>;

export const scheduleRunSchema = z
  .object({ jobId: z.uuid(), dueAt: time })
  .meta({ id: 'ScheduleRun', description: 'The job that was made at once.' });

const occurrenceSchema = z
  .object({
    dueAt: time,
    outcome: z.enum(OUTCOMES),
    reason: z
      .enum(['missed', 'missed-rest', 'overlap', 'superseded', 'waited', 'manual'])
      .nullable()
      .describe(
        'Why it was skipped: `missed`, its grace had passed; `missed-rest`, so had that of all up to the next; `overlap`, a job had not finished; `superseded`, a newer one was fired with it. Or of a fired one: `waited` for a job to finish; `manual`, a person ran it.',
      ),
    lateness: wholeNumber.describe('Milliseconds from the due time until it was fired or skipped.'),
    runAt: time
      .nullable()
      .describe('When its job was due: the due time and the jitter. Null when it was skipped.'),
    jobId: z.uuid().nullable(),
    recordedAt: time,
  })
  .meta({ id: 'Occurrence', description: 'What became of one due time.' });
export type OccurrenceView = View<typeof occurrenceSchema>;

export const occurrencePageSchema = z
  .object({
    occurrences: z.array(occurrenceSchema),
    nextBefore: time.nullable().describe('Goes into `before` of the next request; null on the last page.'),
  })
  .meta({ id: 'OccurrencePage', description: 'Due times and what became of them, latest first.' });

const dueTimeSchema = z
  .object({
    utc: time,
    local: z.string().describe("What a clock in the schedule's zone shows, with its distance from UTC."),
    clock: z
      .enum(['none', 'gap', 'fold-first', 'fold-second'])
      .describe(
        '`gap`: the time asked for did not exist, and this is the next that did. `fold-first`, `fold-second`: the time came twice.',
      ),
    wallClock: z
      .string()
      .describe('The wall-clock time that was asked for; it differs from `local` after a gap.'),
    runAt: time.describe('With the jitter.'),
  })
  .meta({ id: 'DueTime' });
export type DueTimeView = View<typeof dueTimeSchema>;

export const previewViewSchema = z
  .object({ timezone: z.string(), dueTimes: z.array(dueTimeSchema) })
  .meta({ id: 'Preview', description: 'The next due times.' });
