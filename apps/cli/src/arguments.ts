/** Values of flags, checked as they are read: what is wrong is said with the name of the flag, before any request. */
import { InvalidArgumentError } from 'commander';
import { z } from 'zod';

/** A parser of a flag's text by `schema`, as commander wants it. */
export const checkedBy =
  <Schema extends z.ZodType>(schema: Schema) =>
  (text: string): z.infer<Schema> => {
    const parsed = schema.safeParse(text);
    if (parsed.success) return parsed.data;
    throw new InvalidArgumentError(`${parsed.error.issues[0]?.message ?? 'is invalid'}.`);
  };

/** A whole number as it is written: no sign of its own meaning, no exponent, no blank. */
export const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, { error: 'must be a whole number' })
  .transform(Number);

/** Any JSON value. */
export const jsonText = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    context.addIssue(`is not JSON: ${error instanceof Error ? error.message : String(error)}`);
    return z.NEVER;
  }
});

/** Address of a store. A name and a password in it would be of no use and end up on screens, so they are refused. */
export const storeUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
  .transform((text) => new URL(text))
  .refine(({ username, password }) => username === '' && password === '', {
    error: 'must not hold a name or a password',
  });
