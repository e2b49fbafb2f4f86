/** What clients may send about jobs. Each description is part of the API's documentation. */
import { z } from 'zod';
import { jobType, queueName } from '#common/config/names.js';
import { DURATION, parseDuration } from '#common/domain/duration.js';
import {
  DEFAULT_QUEUE,
  JOB_STATES,
  MAX_ATTEMPTS,
  MAX_TAG_LENGTH,
  MAX_TAGS,
  ON_LOST,
  PRIORITY,
  TIMEOUT_MS,
  type Json,
} from '#common/domain/job.js';
import { MAX_QUERY_LENGTH, MAX_QUERY_TERMS, QUERY_FIELDS } from '#common/domain/job-query.js';
import { MAX_RETRY_DELAY_MS } from '#common/domain/retry-policy.js';
import { cursor, flagInQuery, moment, numberInQuery, pageLimit, storableText } from '../http/fields.js';
import { shownAs } from '../http/shown-as.js';
import { parseOutputId } from './output-id.js';
import { storableJson } from './storable-json.js';

const TEN_YEARS_MS = 10 * 365 * 24 * 3_600_000;

/** Whole milliseconds, or a text such as 500ms, 30s, 5m, 2h, 1d, 1h30m. */
export function duration(minMs: number, maxMs: number) {
  const allowed = `must be a whole number of milliseconds or a duration such as "500ms", "30s", "5m", "2h" or "1d", from ${minMs} ms to ${maxMs} ms`;
  return shownAs(
    z.unknown().transform((value, context): number => {
      const ms = typeof value === 'string' ? parseDuration(value) : value;
      if (typeof ms === 'number' && Number.isInteger(ms) && ms >= minMs && ms <= maxMs) return ms;
      context.issues.push({ code: 'custom', message: allowed, input: value });
      return z.NEVER;
    }),
    {
      anyOf: [
        { type: 'integer', minimum: minMs, maximum: maxMs },
        { type: 'string', pattern: DURATION.source },
      ],
    },
  );
}

/** A point in time, or so long after the job is due. */
export const expiry = shownAs(
  z.unknown().transform((value, context): Date | number => {
    const at = moment.safeParse(value);
    if (at.success) return at.data;
    const after = duration(1, TEN_YEARS_MS).safeParse(value);
    if (after.success) return after.data;
    context.issues.push({
      code: 'custom',
      message:
        'must be an ISO 8601 time with offset, such as 2030-01-31T09:00:00+01:00, or a duration such as "30s", "5m" or "2h", from 1 ms to 10 years',
      input: value,
    });
    return z.NEVER;
  }),
  {
    anyOf: [
      { type: 'string', format: 'date-time' },
      { type: 'integer', minimum: 1, maximum: TEN_YEARS_MS },
      { type: 'string', pattern: DURATION.source },
    ],
  },
);

const wait = duration(0, MAX_RETRY_DELAY_MS);

export const retrySchema = z
  .discriminatedUnion('strategy', [
    z
      .strictObject({
        strategy: z.literal('exponential'),
        base: duration(1, MAX_RETRY_DELAY_MS)
          .optional()
          .describe('Wait after the first failure. Default 1s.'),
        factor: z.number().min(1).max(100).default(2).describe('What each further wait is multiplied by.'),
        max: duration(1, MAX_RETRY_DELAY_MS).optional().describe('Longest wait. Default 1h.'),
        jitter: z.number().min(0).max(1).default(0.2).describe('Share of the wait that is left to chance.'),
      })
      .transform(({ strategy, base = 1000, factor, max = 3_600_000, jitter }) => ({
        strategy,
        baseMs: base,
        factor,
        maxMs: max,
        jitter,
      })),
    z
      .strictObject({ strategy: z.literal('fixed'), delay: wait.describe('The wait after each failure.') })
      .transform(({ strategy, delay }) => ({ strategy, delayMs: delay })),
    z
      .strictObject({
        strategy: z.literal('list'),
        delays: z
          .array(wait)
          .min(1)
          .max(100)
          .describe('The waits after the first, second, … failure; the last repeats.'),
      })
      .transform(({ strategy, delays }) => ({ strategy, delaysMs: delays })),
    z.strictObject({ strategy: z.literal('none') }),
  ])
  .meta({
    id: 'RetryPolicy',
    description: 'When a job is tried again after a failure. Waits are durations.',
  });

/** Commas stand between tags where several are one text. */
export const tag = storableText(MAX_TAG_LENGTH).refine(
  (text) => !text.includes(','),
  'must not contain commas',
);

/** What every job can be given, however it comes to be. */
export const jobSettings = {
  type: jobType.describe('Which handler runs it, such as command.'),
  payload: storableJson
    .default({} satisfies Json)
    .describe('What the handler is given; its type says what it must look like.'),
  name: storableText(200).nullish().describe('A label for people.'),
  queue: queueName.default(DEFAULT_QUEUE).describe('The queue it waits in.'),
  priority: z
    .int()
    .min(PRIORITY.most)
    .max(PRIORITY.least)
    .default(PRIORITY.default)
    .describe('0 is the most urgent, 9 the least.'),
  maxAttempts: z
    .int()
    .min(MAX_ATTEMPTS.min)
    .max(MAX_ATTEMPTS.max)
    .default(MAX_ATTEMPTS.default)
    .describe('How often it is tried before it is dead.'),
  timeout: duration(TIMEOUT_MS.min, TIMEOUT_MS.max)
    .optional()
    .describe('How long one attempt may run. Default 1h.'),
  onLost: z
    .enum(ON_LOST)
    .default('retry')
    .describe('When the executor dies under it: try again, fail, or hold it for a person.'),
  tags: z
    .array(tag)
    .max(MAX_TAGS)
    .transform((tags) => [...new Set(tags)])
    .nullish()
    .describe(
      `Words to find it by, up to ${MAX_TAGS} of up to ${MAX_TAG_LENGTH} characters, without commas.`,
    ),
  retry: retrySchema.nullish().describe('When it is tried again after a failure.'),
  concurrencyKey: storableText(200)
    .nullish()
    .describe(
      'Of the jobs of its queue that have this key only as many run at a time as the concurrencyPerKey of the queue says: one, unless it says otherwise.',
    ),
  fairnessKey: storableText(200)
    .nullish()
    .describe('Whom it is for: the jobs of a queue take turns between these keys.'),
};

/** The jobs of a schedule: when they are due, and how many there may be at once, is the schedule's to say. */
export const jobTemplateSchema = z
  .strictObject({
    ...jobSettings,
    expiresAt: duration(1, TEN_YEARS_MS)
      .nullish()
      .describe('A job that has not started so long after it is due never starts: it becomes expired.'),
  })
  .meta({ id: 'JobTemplate' });

export const dueTime = {
  runAt: moment.nullish().describe('When it is due. A past time is due at once.'),
  delay: duration(0, TEN_YEARS_MS)
    .optional()
    .describe('How long after submission it is due, instead of runAt.'),
  expiresAt: expiry
    .nullish()
    .describe(
      'A job that has not started by then never starts: it becomes expired. A time, or a duration from when it is due (or submitted, if that is later). Retries of a job that has started are not affected.',
    ),
};

/** What a schema with these two is refined by. */
export const neverBothDueTimes = [
  ({ runAt, delay }: { runAt?: Date | null | undefined; delay?: number | undefined }) =>
    runAt == null || delay === undefined,
  { path: ['delay'], message: 'cannot be given together with runAt' },
] as const satisfies [unknown, { path: string[]; message: string }];

/** And by this. */
export const expiresAfterDue = [
  ({ runAt, expiresAt }: { runAt?: Date | null | undefined; expiresAt?: Date | number | null | undefined }) =>
    runAt == null || !(expiresAt instanceof Date) || expiresAt > runAt,
  { path: ['expiresAt'], message: 'must be after runAt, or the job could never start' },
] as const satisfies [unknown, { path: string[]; message: string }];

export const createJobSchema = z
  .strictObject({
    ...jobSettings,
    ...dueTime,
    uniqueKey: storableText(200).nullish().describe('At most one unfinished job has this key.'),
    uniquePolicy: z
      .enum(['reject', 'return-existing', 'replace'])
      .optional()
      .describe('What to do when an unfinished job has the uniqueKey. Default reject.'),
  })
  .refine(({ uniqueKey, uniquePolicy }) => uniqueKey != null || uniquePolicy === undefined, {
    path: ['uniquePolicy'],
    message: 'says nothing without uniqueKey',
  })
  .refine(...neverBothDueTimes)
  .refine(...expiresAfterDue)
  .meta({
    id: 'NewJob',
    description: 'A job to be submitted. Only its type is needed, and what that type asks for.',
  });

export type CreateJob = z.output<typeof createJobSchema>;

/** Makes a repetition of a request harmless for 24 hours: it is answered with the job that was made first. */
export const idempotencyKeySchema = z
  .string()
  .regex(/^[\x21-\x7E]{1,255}$/, 'must be 1 to 255 printable ASCII characters')
  .optional()
  .describe(
    'Makes a repetition of the request harmless for 24 hours: it is answered with what was made first. The same key with another request is refused.',
  );

export const jobIdSchema = z.strictObject({
  id: z
    .uuid('must be a job id (a UUID)')
    .meta({ description: 'Id of the job.', examples: ['0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9a'] }),
});

/** A filter by state. */
export const jobStatesInQuery = shownAs(
  z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(JOB_STATES))),
  { type: 'array', items: { type: 'string', enum: [...JOB_STATES] } },
)
  .optional()
  .describe('Only jobs in this state, or in one of several with commas between.');

/** Looked at by the parser of queries, which says where it is wrong. */
export const jobQuery = z
  .string()
  .describe(
    `Only jobs that fit all of these, with blanks between: words that stand in the name, type, queue, unique key, tags, payload or error; and fields: ${QUERY_FIELDS.map((field) => `\`${field}:\``).join(', ')}. \`state:\` may name several with commas between, \`name:\` a part. Values with blanks go in double quotes. At most ${MAX_QUERY_LENGTH} characters and ${MAX_QUERY_TERMS} terms.`,
  );

export const listJobsSchema = z.strictObject({
  state: jobStatesInQuery,
  type: jobType.optional().describe('Only jobs of this type.'),
  queue: queueName.optional().describe('Only jobs of this queue.'),
  tag: shownAs(
    z
      .string()
      .transform((text) => text.split(','))
      .pipe(z.array(tag).max(MAX_TAGS)),
    { type: 'array', items: { type: 'string', minLength: 1, maxLength: MAX_TAG_LENGTH }, maxItems: MAX_TAGS },
  )
    .optional()
    .describe('Only jobs with this tag, or with all of several with commas between.'),
  q: jobQuery.optional(),
  limit: pageLimit,
  cursor,
});

export type ListJobs = z.output<typeof listJobsSchema>;

export const outputQuerySchema = z.strictObject({
  attempt: numberInQuery(0, 999).optional().describe('Which attempt; the latest unless given.'),
  follow: flagInQuery
    .optional()
    .describe('Stream what the job writes, while it writes it, until it has ended.'),
});

export type OutputQuery = z.output<typeof outputQuerySchema>;

/** Where to go on in what a job writes: the last id that the client was given, by whichever store. */
export const outputIdSchema = z
  .string()
  .transform((text, context) => {
    const id = parseOutputId(text);
    if (id !== undefined) return id;
    context.issues.push({
      code: 'custom',
      message: 'must be the id of an event that a store has sent',
      input: text,
    });
    return z.NEVER;
  })
  .optional()
  .describe('With `follow=true`, the last id that you were given: what followed is told.');
