/** What clients may send about schedules. Each description is part of the API's documentation. */
import { z } from 'zod';
import { scheduleName } from '#common/config/names.js';
import { OUTCOMES } from '#common/domain/firing-plan.js';
import type { JobTemplate, ScheduleDefinition } from '#common/domain/schedule.js';
import { DEFAULT_GRACE_MS, DEFAULT_TIMEZONE } from '#common/domain/schedule.js';
import { CronSyntaxError, parseCron } from '#common/domain/recurrence/cron-expression.js';
import { FOLD_POLICIES, GAP_POLICIES, type Recurrence } from '#common/domain/recurrence/due-times.js';
import { MISSED_RUN_POLICIES } from '#common/domain/recurrence/missed-runs.js';
import { OVERLAP_POLICIES } from '#common/domain/recurrence/overlap.js';
import { isZoneName } from '#common/domain/recurrence/zone.js';
import { TIMEOUT_MS } from '#common/domain/job.js';
import { cursor, flagInQuery, moment, numberInQuery, pageLimit } from '../http/fields.js';
import { duration, jobTemplateSchema } from '../jobs/job.schemas.js';

const DAY_MS = 24 * 3_600_000;
/** Rare dates are searched year by year, and a store has other things to do. */
const MAX_PREVIEW = 500;

const cronExpression = z.string().superRefine((text, context) => {
  try {
    parseCron(text);
  } catch (error) {
    if (!(error instanceof CronSyntaxError)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
  }
});

const timetable = {
  cron: cronExpression
    .nullish()
    .describe(
      'Minute, hour, day of month, month, day of week; six fields begin with seconds; or @daily and the like.',
    ),
  every: duration(1000, 10 * 365 * DAY_MS)
    .nullish()
    .describe('So long after each other, instead of cron, counted from start.'),
  timezone: z
    .string()
    .refine(isZoneName, 'must be an IANA time zone such as Europe/Berlin or UTC')
    .default(DEFAULT_TIMEZONE)
    .describe('The zone whose clock cron is read against.'),
  gap: z
    .enum(GAP_POLICIES)
    .nullish()
    .describe(
      'What becomes of a time that a clock put forward leaves out. Default next-valid, or skip where the hour is a wildcard.',
    ),
  fold: z
    .enum(FOLD_POLICIES)
    .nullish()
    .describe(
      'Which of a time that a clock put back shows twice. Default first, or both where the hour is a wildcard.',
    ),
  start: moment.nullish().describe('Nothing is due before it. Default: the creation.'),
  end: moment.nullish().describe('Nothing is due after it.'),
  maxCount: z.int().min(1).max(1_000_000_000).nullish().describe('How many due times make a job.'),
  jitter: duration(0, DAY_MS).default(0).describe('Each run is later than its due time by up to this.'),
};

const rules = {
  missedRuns: z
    .enum(MISSED_RUN_POLICIES)
    .default('once')
    .describe(
      'What becomes of due times that nobody could fire within the grace: none, the latest, or all of them.',
    ),
  grace: duration(0, 365 * DAY_MS)
    .default(DEFAULT_GRACE_MS)
    .describe('How late a due time may be fired before it counts as missed.'),
  overlap: z
    .enum(OVERLAP_POLICIES)
    .default('allow')
    .describe('What happens at a due time while a job of the schedule has not finished.'),
  job: jobTemplateSchema.describe('The job that each due time makes.'),
};

type Timetable = z.output<z.ZodObject<typeof timetable>>;

/** Exactly one of cron and every, and nothing that only the other one has. */
function checkTimetable({ cron, every, gap, fold, start, end }: Timetable, context: z.RefinementCtx): void {
  const fault = (field: string, message: string) =>
    context.addIssue({ code: 'custom', path: [field], message });
  if (cron == null && every == null) fault('cron', 'is required, or every in its place');
  if (cron != null && every != null) fault('every', 'cannot be given together with cron');
  if (cron == null && gap != null)
    fault('gap', 'says nothing without cron: an interval follows elapsed time');
  if (cron == null && fold != null)
    fault('fold', 'says nothing without cron: an interval follows elapsed time');
  if (start != null && end != null && end < start) fault('end', 'must not be before start');
}

export const definitionSchema = z
  .strictObject({ ...timetable, ...rules })
  .superRefine(checkTimetable)
  .meta({
    id: 'ScheduleDefinition',
    description: 'When a job recurs, and the job. Either cron or every is needed.',
  });
export type GivenDefinition = z.output<typeof definitionSchema>;

export const createScheduleSchema = z
  .strictObject({
    name: scheduleName.describe('What it is known by; it never changes.'),
    ...timetable,
    ...rules,
  })
  .superRefine(checkTimetable)
  .meta({ id: 'NewSchedule', description: 'A name, when a job recurs, and the job.' });
export type CreateSchedule = z.output<typeof createScheduleSchema>;

/** A merge patch (RFC 7396): what is given replaces, null removes. The result is checked as a whole. */
export const patchScheduleSchema = z
  .record(z.string(), z.unknown())
  .describe('Fields of a schedule definition: what is given replaces, null removes.');

export const scheduleNameSchema = z.strictObject({
  name: scheduleName.meta({ description: 'Name of the schedule.', examples: ['nightly-report'] }),
});

export const listSchedulesSchema = z.strictObject({ limit: pageLimit, cursor });
export type ListSchedules = z.output<typeof listSchedulesSchema>;

export const applyQuerySchema = z.strictObject({
  dryRun: flagInQuery.optional().describe('Only say what would change.'),
});

export const occurrencesQuerySchema = z.strictObject({
  outcome: z.enum(OUTCOMES).optional().describe('Only due times that came to this.'),
  before: moment.optional().describe('Only due times before this one: nextBefore of the answer before.'),
  limit: pageLimit,
});
export type OccurrencesQuery = z.output<typeof occurrencesQuerySchema>;

/** Time zones as we know them begin here. */
const previewFrom = moment
  .refine((date) => date.getTime() >= 0, 'must not be before 1970')
  .optional()
  .describe('The first due times not before this. Default: now.');

export const previewQuerySchema = z.strictObject({
  count: numberInQuery(1, MAX_PREVIEW).default(10).describe('How many due times.'),
  from: previewFrom,
});

export const previewSchema = z
  .strictObject({
    ...timetable,
    name: scheduleName.optional().describe('What jitter is computed from.'),
    count: z.int().min(1).max(MAX_PREVIEW).default(10).describe('How many due times.'),
    from: previewFrom,
  })
  .superRefine(checkTimetable)
  .meta({ id: 'PreviewRequest', description: 'A timetable that is not saved.' });
export type Preview = z.output<typeof previewSchema>;

export function toTimetable(
  given: Timetable,
): Pick<ScheduleDefinition, 'recurrence' | 'timezone' | 'start' | 'end' | 'maxCount' | 'jitterMs'> {
  return {
    recurrence: toRecurrence(given),
    timezone: given.timezone,
    start: given.start?.toISOString() ?? null,
    end: given.end?.toISOString() ?? null,
    maxCount: given.maxCount ?? null,
    jitterMs: given.jitter,
  };
}

function toRecurrence({ cron, every, gap, fold }: Timetable): Recurrence {
  if (cron != null) return { kind: 'cron', expression: cron, gap: gap ?? null, fold: fold ?? null };
  if (every != null) return { kind: 'interval', everyMs: every };
  throw new Error('a checked timetable has neither cron nor every');
}

export function toDefinition(given: GivenDefinition): ScheduleDefinition {
  return {
    ...toTimetable(given),
    missedRuns: given.missedRuns,
    graceMs: given.grace,
    overlap: given.overlap,
    job: toTemplate(given.job),
  };
}

function toTemplate(job: z.output<typeof jobTemplateSchema>): JobTemplate {
  return {
    type: job.type,
    payload: job.payload,
    name: job.name ?? null,
    queue: job.queue,
    priority: job.priority,
    maxAttempts: job.maxAttempts,
    timeoutMs: job.timeout ?? TIMEOUT_MS.default,
    retry: job.retry ?? null,
    onLost: job.onLost,
    concurrencyKey: job.concurrencyKey ?? null,
    fairnessKey: job.fairnessKey ?? null,
    ...(job.expiresAt == null ? {} : { expiresInMs: job.expiresAt }),
    ...(job.tags == null || job.tags.length === 0 ? {} : { tags: job.tags }),
  };
}
