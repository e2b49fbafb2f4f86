/** Answers about bulk operations. */
import { z } from 'zod';
import { BULK_ACTIONS, BULK_STATES, SKIP_REASONS, type SkipReason } from '#common/domain/bulk.js';
import { JOB_STATES } from '#common/domain/job.js';
import { json, nextCursor, time, wholeNumber } from '../http/answer-fields.js';
import type { View } from '../http/operation.js';

const reasons = Object.keys(SKIP_REASONS) as [SkipReason, ...SkipReason[]];
const explained = Object.entries(SKIP_REASONS).map(([reason, why]) => `\`${reason}\`: ${why}`);

export const bulkOperationSchema = z
  .object({
    id: z.uuid(),
    action: z.enum(BULK_ACTIONS),
    filter: z.record(z.string(), json).describe('Which jobs are meant, as it was asked for.'),
    attempts: wholeNumber.nullable().describe('Further attempts of each job, where it retries.'),
    priority: wholeNumber.nullable().describe('What the jobs are given, where it reprioritises.'),
    state: z
      .enum(BULK_STATES)
      .describe('`cancelled` and `failed` leave the rest as it is; what was done stays done.'),
    percent: z
      .number()
      .describe('How far it has come, 0 to 100, by the time of creation of the jobs that it goes through.'),
    matched: wholeNumber.describe('Jobs that fitted, so far.'),
    done: wholeNumber.describe('To how many of them it was done.'),
    skipped: z
      .partialRecord(z.enum(reasons), wholeNumber)
      .describe(`How many were left alone, by reason. ${explained.join('; ')}.`),
    requestedBy: z.string().nullable().describe('The API key that asked for it, where there are keys.'),
    error: z.string().nullable().describe('Why it failed.'),
    createdAt: time,
    startedAt: time.nullable(),
    finishedAt: time.nullable(),
  })
  .meta({ id: 'BulkOperation', description: 'Something that is done to all jobs that fit a filter.' });
export type BulkOperationView = View<typeof bulkOperationSchema>;

export const bulkPageSchema = z
  .object({ operations: z.array(bulkOperationSchema), nextCursor })
  .meta({ id: 'BulkOperationPage', description: 'Bulk operations, newest first.' });
export type BulkPageView = View<typeof bulkPageSchema>;

export const bulkCountSchema = z
  .object({
    matched: wholeNumber.describe('Jobs that fit.'),
    byState: z
      .partialRecord(z.enum(JOB_STATES), wholeNumber)
      .describe('Of those, how many are in which state.'),
    countedBackTo: time
      .nullable()
      .describe(
        'Set when there were too many to count in ten seconds: older jobs than this have not been looked at.',
      ),
  })
  .meta({ id: 'BulkCount', description: 'What a bulk operation would look at.' });
export type BulkCountView = View<typeof bulkCountSchema>;
