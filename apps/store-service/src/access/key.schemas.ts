/** What clients may send about API keys. */
import { z } from 'zod';
import { QUEUE_PATTERN, SCOPES } from '#common/domain/access.js';
import { parseRate, RATE, type Rate } from '#common/domain/rate.js';
import { cursor, flagInQuery, moment, pageLimit, storableText } from '../http/fields.js';
import { shownAs } from '../http/shown-as.js';
import { duration } from '../jobs/job.schemas.js';

const MOST_PATTERNS = 50;
const TEN_YEARS_MS = 10 * 365 * 24 * 3_600_000;

const unique = (items: readonly string[]) => new Set(items).size === items.length;

const rate = shownAs(
  z.string().transform((text, context): Rate => {
    const parsed = parseRate(text);
    if (parsed !== undefined) return parsed;
    const message = 'must be a number of requests and a unit, such as 100/s, 600/m or 5000/h';
    context.issues.push({ code: 'custom', message, input: text });
    return z.NEVER;
  }),
  { type: 'string', pattern: RATE.source },
);

export const createKeySchema = z
  .strictObject({
    name: storableText(100).describe('What it is for, for people and for the audit log.'),
    scopes: z
      .array(z.enum(SCOPES))
      .min(1)
      .refine(unique, 'must not name a scope twice')
      .describe(
        'What it allows. `read`: look at everything. `submit`: submit jobs, schedules and workflows of any type but `command`. `submit:command`: of that type too. `operate`: cancel, drive again, purge; change schedules and queues. `admin`: all of it, keys and the audit log.',
      ),
    queues: z
      .array(z.string().regex(QUEUE_PATTERN, 'must be the name of a queue, in which * stands for anything'))
      .max(MOST_PATTERNS)
      .default([])
      .describe(
        'Limits it to the queues whose names fit one of these; `*` stands for anything. None is no limit.',
      ),
    rate: rate.nullish().describe('How many requests it may make at one store, such as `100/s`.'),
    expiresAt: moment.nullish().describe('When it ends.'),
    expiresIn: duration(1000, TEN_YEARS_MS).optional().describe('How long it lasts, instead of expiresAt.'),
  })
  .refine(({ expiresAt, expiresIn }) => expiresAt == null || expiresIn === undefined, {
    path: ['expiresIn'],
    message: 'cannot be given together with expiresAt',
  })
  .refine(({ scopes, queues }) => queues.length === 0 || !scopes.includes('admin'), {
    path: ['queues'],
    message: 'cannot limit a key with the scope admin, which could make another one without limits',
  })
  .meta({ id: 'NewKey', description: 'An API key to be made.' });
export type CreateKey = z.output<typeof createKeySchema>;

export const keyIdSchema = z.strictObject({
  id: z
    .uuid('must be the id of a key (a UUID)')
    .meta({ description: 'Id of the key.', examples: ['0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9a'] }),
});

export const listKeysSchema = z.strictObject({
  all: flagInQuery.default(false).describe('Also those that were revoked or have expired.'),
  limit: pageLimit,
  cursor,
});
export type ListKeys = z.output<typeof listKeysSchema>;
