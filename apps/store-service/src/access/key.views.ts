/** API keys as the API shows them; the key itself only once, when it is made. */
import { z } from 'zod';
import type { ApiKey } from '#common/database/api-key.repository.js';
import { SCOPES } from '#common/domain/access.js';
import { rateText } from '#common/domain/rate.js';
import { nextCursor, time } from '../http/answer-fields.js';
import type { View } from '../http/operation.js';

const key = z.object({
  id: z.uuid(),
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  queues: z.array(z.string()).describe('Patterns of the queues that it is limited to; none is no limit.'),
  rate: z.string().nullable().describe('Requests that it may make at one store, such as `100/s`.'),
  createdAt: time,
  expiresAt: time.nullable(),
  revokedAt: time.nullable(),
  lastUsedAt: time.nullable().describe('To the minute or so.'),
});

export const keySchema = key.meta({ id: 'Key', description: 'An API key, without the key itself.' });
export type KeyView = View<typeof keySchema>;

export const newKeySchema = key
  .extend({ key: z.string().describe('The key itself. It is shown this once and kept nowhere.') })
  .meta({ id: 'MadeKey', description: 'An API key that was just made.' });
export type MadeKeyView = View<typeof newKeySchema>;

export const keyPageSchema = z
  .object({ keys: z.array(keySchema), nextCursor })
  .meta({ id: 'KeyPage', description: 'API keys, newest first.' });

export function presentKey(key: ApiKey): KeyView {
  return {
    id: key.id,
    name: key.name,
    scopes: key.scopes,
    queues: key.queues,
    rate: key.rate === null ? null : rateText(key.rate),
    createdAt: key.createdAt.toISOString(),
    expiresAt: key.expiresAt?.toISOString() ?? null,
    revokedAt: key.revokedAt?.toISOString() ?? null,
    lastUsedAt: key.lastUsedAt?.toISOString() ?? null,
  };
}
