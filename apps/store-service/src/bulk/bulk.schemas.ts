/** What clients may send about bulk operations. */
import { z } from 'zod';
import { jobType, queueName } from '#common/config/names.js';
import { BULK_ACTIONS } from '#common/domain/bulk.js';
import { JOB_STATES, MAX_ATTEMPTS, MAX_TAGS, PRIORITY } from '#common/domain/job.js';
import { cursor, pageLimit } from '../http/fields.js';
import { jobQuery, tag } from '../jobs/job.schemas.js';

/** In the words of the list of jobs. */
const filter = z
  .strictObject({
    state: z.array(z.enum(JOB_STATES)).min(1).optional().describe('Only jobs in one of these states.'),
    type: jobType.optional().describe('Only jobs of this type.'),
    queue: queueName.optional().describe('Only jobs of this queue.'),
    tag: z.array(tag).min(1).max(MAX_TAGS).optional().describe('Only jobs with all of these tags.'),
    // In a script, one that is empty by mistake must not widen what is done.
    q: jobQuery.refine((text) => text.trim() !== '', 'must say something, or be left out').optional(),
  })
  .default({})
  .describe('Which jobs are meant, in the words of `GET /api/v1/jobs`. Jobs that come in later are not.');

const common = {
  filter,
  all: z
    .boolean()
    .default(false)
    .describe('Must be true when the filter names nothing: then every job is meant.'),
  dryRun: z.boolean().default(false).describe('Only count, and change nothing.'),
};

export const createBulkSchema = z
  .discriminatedUnion(
    'action',
    [
      z.strictObject({
        action: z.literal('cancel').describe('Ends jobs that have not ended; those that run are asked to.'),
        ...common,
      }),
      z.strictObject({
        action: z.literal('retry').describe('Makes dead jobs, and those that are held, due now.'),
        attempts: z
          .int()
          .min(MAX_ATTEMPTS.min)
          .max(MAX_ATTEMPTS.max)
          .default(MAX_ATTEMPTS.default)
          .describe('How many further attempts each job gets.'),
        ...common,
      }),
      z.strictObject({
        action: z
          .literal('delete')
          .describe('Deletes jobs that have ended, with their history and output, for good.'),
        ...common,
      }),
      z.strictObject({
        action: z.literal('reprioritise').describe('Gives jobs that have not ended another priority.'),
        priority: z
          .int()
          .min(PRIORITY.most)
          .max(PRIORITY.least)
          .describe('0 is the most urgent, 9 the least.'),
        ...common,
      }),
    ],
    { error: `must be one of ${BULK_ACTIONS.join(', ')}` },
  )
  .meta({ id: 'NewBulkOperation', description: 'What is to be done, and to which jobs.' });
export type CreateBulk = z.output<typeof createBulkSchema>;

export const bulkIdSchema = z.strictObject({
  id: z
    .uuid('must be the id of a bulk operation (a UUID)')
    .meta({ description: 'Id of the operation.', examples: ['0198f2a4-8e33-7f4a-8c6d-5b7a8f9edcba'] }),
});

export const listBulkSchema = z.strictObject({ limit: pageLimit, cursor });
export type ListBulk = z.output<typeof listBulkSchema>;
