/** The audit log as the API shows it. */
import { z } from 'zod';
import type { AuditEntry } from '#common/database/audit.repository.js';
import { json, nextCursor, time } from '../http/answer-fields.js';
import type { View } from '../http/operation.js';

const auditEntrySchema = z
  .object({
    id: z.uuid(),
    at: time,
    key: z.uuid().nullable().describe('Id of the key; null while the API was open.'),
    who: z.string().describe('Name of the key, or `open access`.'),
    address: z.string().describe('Where the request came from.'),
    action: z.string().describe('The operation of the API, such as `cancelJob`.'),
    target: z.string().describe('What it was done to: the path of the request.'),
    outcome: z.string().describe('`ok`, or the kind of problem that it was refused with.'),
    details: json.describe(
      'What else is worth knowing, such as the filter of a purge; null when nothing is.',
    ),
  })
  .meta({ id: 'AuditEntry', description: 'Who changed what.' });
export type AuditEntryView = View<typeof auditEntrySchema>;

export const auditPageSchema = z
  .object({ entries: z.array(auditEntrySchema), nextCursor })
  .meta({ id: 'AuditPage', description: 'Entries of the audit log, newest first.' });

export function presentAuditEntry({ keyId, at, ...entry }: AuditEntry): AuditEntryView {
  return { ...entry, at: at.toISOString(), key: keyId };
}
