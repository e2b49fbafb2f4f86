/** What names may look like, at every edge where one comes in. */
import { z } from 'zod';

/** A queue's name stands in Redis keys and ZooKeeper paths. */
export const queueName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
    'must be 1 to 100 letters, digits, dots, _ and -, beginning with a letter or digit',
  );

export const jobType = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
    'must be 1 to 100 letters, digits, dots, _ and -, beginning with a letter or digit',
  );

/** Neither Postgres nor a command line can hold a NUL character. */
export const noNul = (text: z.ZodString) => text.regex(/^[^\0]*$/, 'must not contain NUL characters');

/** A schedule's name stands in URLs. */
export const scheduleName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/,
    'must be 1 to 200 letters, digits, dots, _ and -, beginning with a letter or digit',
  );
