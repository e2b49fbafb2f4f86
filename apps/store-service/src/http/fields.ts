/** Fields that more than one request has. */
import { z } from 'zod';
import { noNul } from '#common/config/names.js';
import { shownAs } from './shown-as.js';

const MAX_PAGE = 200;

/** A text that Postgres can hold. */
export const storableText = (longest: number) =>
  noNul(z.string().min(1).max(longest)).refine((text) => text.isWellFormed(), 'must be valid Unicode');

/** A point in time; in a query as in a body it is text. */
export const moment = shownAs(
  z.iso
    .datetime({
      offset: true,
      error: 'must be an ISO 8601 time with offset, such as 2030-01-31T09:00:00+01:00',
    })
    .transform((text) => new Date(text))
    // Postgres knows other years too, but not in the form in which JavaScript writes them.
    .refine(
      (date) => date.getUTCFullYear() >= 1 && date.getUTCFullYear() <= 9999,
      'is no date from year 1 to 9999',
    ),
  { type: 'string', format: 'date-time' },
);

/** A whole number in a query, where everything is text. */
export const numberInQuery = (min: number, max: number) =>
  shownAs(
    z
      .string()
      .regex(new RegExp(`^\\d{1,${String(max).length}}$`), `must be a whole number from ${min} to ${max}`)
      .transform(Number)
      .pipe(z.number().min(min).max(max)),
    { type: 'integer', minimum: min, maximum: max },
  );

/** Yes or no in a query. */
export const flagInQuery = shownAs(
  z.enum(['true', 'false']).transform((text) => text === 'true'),
  { type: 'boolean' },
);

export const pageLimit = numberInQuery(1, MAX_PAGE).default(50).describe('Most jobs in one answer.');

export const cursor = z
  .string()
  .transform((text, context): string => {
    const id = Buffer.from(text, 'base64url').toString('latin1');
    if (z.uuid().safeParse(id).success && encodeCursor(id) === text) return id;
    context.issues.push({
      code: 'custom',
      message: 'must be a nextCursor from an earlier answer',
      input: text,
    });
    return z.NEVER;
  })
  .optional()
  .describe('Where to go on: nextCursor of the answer before.');

/** Opaque to clients, so that what it holds can change. */
export function encodeCursor(lastId: string): string {
  return Buffer.from(lastId, 'latin1').toString('base64url');
}
