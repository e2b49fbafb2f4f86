/** What clients may ask of the audit log. */
import { z } from 'zod';
import { cursor, moment, pageLimit, storableText } from '../http/fields.js';

export const listAuditSchema = z.strictObject({
  key: z.uuid('must be the id of a key (a UUID)').optional().describe('Only what was done with this key.'),
  action: storableText(100).optional().describe('Only this operation of the API, such as cancelJob.'),
  since: moment.optional().describe('Only from this time on.'),
  until: moment.optional().describe('Only before this time.'),
  limit: pageLimit.describe('Most entries in one answer.'),
  cursor,
});
export type ListAudit = z.output<typeof listAuditSchema>;
