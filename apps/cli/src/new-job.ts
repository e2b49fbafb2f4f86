/**
 * What a person may ask for in a new job. Checked here only as far as it saves a round trip and lets a whole file be
 * refused before its first job is submitted; the store has the last word.
 */
import { parseDuration } from '#common/domain/duration.js';
import { MAX_ATTEMPTS, MAX_TAG_LENGTH, MAX_TAGS, ON_LOST, PRIORITY } from '#common/domain/job.js';
import { queueName } from '#common/config/names.js';
import { z } from 'zod';

const NOT_A_DURATION = 'must be milliseconds, or a duration such as 500ms, 30s, 5m, 2h or 1d';

const isDuration = (value: unknown): boolean =>
  typeof value === 'number'
    ? Number.isSafeInteger(value) && value >= 0
    : typeof value === 'string' && parseDuration(value) !== undefined;

const duration = z.custom<number | string>(isDuration, { error: NOT_A_DURATION });

/** A flag's value is text, that of milliseconds too. */
const numberOrText = z.string().transform((text) => (/^\d+$/.test(text) ? Number(text) : text));

/** A duration as a flag gives it. */
export const durationOfFlag = numberOrText.pipe(duration);

/** The same in milliseconds, for durations that the command line itself keeps. */
export const durationMs = durationOfFlag.transform((value) =>
  typeof value === 'number' ? value : (parseDuration(value) ?? 0),
);

const retry = z.discriminatedUnion(
  'strategy',
  [
    z.strictObject({
      strategy: z.literal('exponential'),
      base: duration.optional(),
      factor: z.number().min(1, { error: 'must be 1 or more' }).optional(),
      max: duration.optional(),
      jitter: z.number().min(0).max(1, { error: 'must be from 0 to 1' }).optional(),
    }),
    z.strictObject({ strategy: z.literal('fixed'), delay: duration }),
    z.strictObject({ strategy: z.literal('list'), delays: z.array(duration).min(1).max(100) }),
    z.strictObject({ strategy: z.literal('none') }),
  ],
  { error: 'must be {"strategy": "exponential" | "fixed" | "list" | "none", …}' },
);

const nonEmpty = z.string({ error: 'must be text' }).min(1, { error: 'must not be empty' });

const wholeNumberFrom = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
};

export const name = nonEmpty.max(200, { error: 'must be at most 200 characters' });
export const queue = queueName;
export const runAt = z.iso.datetime({
  offset: true,
  error: 'must be a time with its offset, such as 2030-01-31T09:00:00+01:00',
});
/** A point in time, or a duration. */
export const expiry = z.custom<string | number>(
  (value) => isDuration(value) || runAt.safeParse(value).success,
  { error: 'must be a time with its offset, or milliseconds or a duration such as 30s, 5m, 2h or 1d' },
);
export const expiryOfFlag = numberOrText.pipe(expiry);
export const priority = wholeNumberFrom(PRIORITY.most, PRIORITY.least);
export const maxAttempts = wholeNumberFrom(MAX_ATTEMPTS.min, MAX_ATTEMPTS.max);

const tag = nonEmpty.max(MAX_TAG_LENGTH, { error: `must be at most ${MAX_TAG_LENGTH} characters` });
export const tags = z.array(tag).max(MAX_TAGS, { error: `must be at most ${MAX_TAGS} tags` });

/** As a flag gives them. */
export const tagsOfFlag = z
  .string()
  .transform((text) => text.split(','))
  .pipe(tags);

/** The settings that any job can have, beside what it does. */
export const jobSettings = {
  name: name.optional(),
  queue: queue.optional(),
  runAt: runAt.optional(),
  delay: duration.optional(),
  priority: priority.optional(),
  maxAttempts: maxAttempts.optional(),
  timeout: duration.optional(),
  retry: retry.optional(),
  onLost: z.enum(ON_LOST).optional(),
  expiresAt: expiry.optional(),
  tags: tags.optional(),
  uniqueKey: name.optional(),
  concurrencyKey: name.optional(),
  fairnessKey: name.optional(),
  uniquePolicy: z.enum(['reject', 'return-existing', 'replace']).optional(),
};

/** What the job does. */
export const jobWork = { type: nonEmpty, payload: z.unknown().optional() };

export type NewJob = z.infer<z.ZodObject<typeof jobSettings & typeof jobWork>>;

/** The job that runs `command` in a shell. */
export const commandJob = (command: string) => ({ type: 'command', payload: { command } });
