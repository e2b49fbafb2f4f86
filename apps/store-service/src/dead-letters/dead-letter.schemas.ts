/** What clients may send about the dead-letter queue. */
import { z } from 'zod';
import { jobType, queueName } from '#common/config/names.js';
import { MAX_ATTEMPTS } from '#common/domain/job.js';
import { cursor, moment, pageLimit, storableText } from '../http/fields.js';

const attempts = z
  .int()
  .min(MAX_ATTEMPTS.min)
  .max(MAX_ATTEMPTS.max)
  .default(MAX_ATTEMPTS.default)
  .describe('How many further attempts each job gets.');

const filter = {
  type: jobType.optional().describe('Only jobs of this type.'),
  queue: queueName.optional().describe('Only jobs of this queue.'),
  error: storableText(200).optional().describe('Only jobs that this error ended, such as CommandFailed.'),
  failedBefore: moment.optional().describe('Only jobs that died before this time.'),
  failedAfter: moment.optional().describe('Only jobs that died after this time.'),
};

export const listDeadLettersSchema = z.strictObject({ ...filter, limit: pageLimit, cursor });
export type ListDeadLetters = z.output<typeof listDeadLettersSchema>;

export const redriveOneSchema = z.strictObject({ attempts }).default({ attempts: MAX_ATTEMPTS.default });

const bulk = {
  ...filter,
  all: z
    .boolean()
    .default(false)
    .describe('Must be true when no filter is given: then every dead job is meant.'),
  dryRun: z.boolean().default(false).describe('Only count.'),
};

/** Without any filter a slip of the hand would mean everything. */
function requireIntent<Shape extends z.ZodRawShape>(shape: Shape) {
  return z
    .strictObject(shape)
    .refine(
      (request: Record<string, unknown>) =>
        request['all'] === true || Object.keys(filter).some((name) => request[name] !== undefined),
      { path: ['all'], message: `must be true, or one of ${Object.keys(filter).join(', ')} must be given` },
    );
}

export const redriveSchema = requireIntent({ ...bulk, attempts });
export type Redrive = z.output<typeof redriveSchema>;

export const purgeSchema = requireIntent(bulk);
export type Purge = z.output<typeof purgeSchema>;
