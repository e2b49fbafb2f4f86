/** What workers outside may send. Each description is part of the API's documentation. */
import { z } from 'zod';
import { jobType, queueName } from '#common/config/names.js';
import { MAX_RETRY_DELAY_MS } from '#common/domain/retry-policy.js';
import type { Json } from '#common/domain/job.js';
import { storableText } from '../http/fields.js';
import { duration } from '../jobs/job.schemas.js';
import { storableJson, storableObject } from '../jobs/storable-json.js';
import { LEASE_MS, readLeaseToken } from './lease-token.js';

/** Jobs in one answer. */
export const MAX_LEASES = 100;
/** Longest wait for a job, in milliseconds. */
const MAX_WAIT_MS = 60_000;
/** Types, or queues, that one request may name. */
const MAX_NAMES = 100;
/** Longest text of one piece of output, and most pieces in one request. */
const MAX_TEXT = 65_536;
const MAX_PIECES = 100;
/** Longest result that is kept, in characters of JSON. */
const MAX_RESULT = 262_144;
/** The system's own words for attempts that nobody ended. */
const OWN_ERRORS: readonly string[] = ['Timeout', 'ExecutorLost'];

const lease = duration(LEASE_MS.min, LEASE_MS.max).optional();

export const leaseRequestSchema = z.strictObject({
  types: z
    .array(jobType)
    .min(1)
    .max(MAX_NAMES)
    .describe('Job types the worker can run; each has been announced.'),
  queues: z.array(queueName).min(1).max(MAX_NAMES).optional().describe('Only jobs of these queues.'),
  max: z.int().min(1).max(MAX_LEASES).default(1).describe('Most jobs in the answer.'),
  wait: duration(0, MAX_WAIT_MS)
    .optional()
    .describe('How long to wait for the first job, up to 60s. Default: not at all.'),
  lease: lease.describe('How long the worker may be silent before it loses a job, 5s to 1h. Default 30s.'),
  worker: storableText(200).describe('What the worker calls itself, for people who look for it.'),
});

export type LeaseRequest = z.output<typeof leaseRequestSchema>;

const leaseTokenSchema = z
  .string()
  .transform((text, context) => {
    const claim = readLeaseToken(text);
    if (claim !== undefined) return claim;
    context.issues.push({
      code: 'custom',
      message: 'must be the leaseToken that came with the job',
      input: text,
    });
    return z.NEVER;
  })
  .describe('The leaseToken that came with the job.');

const writtenText = z
  .string()
  .min(1)
  .max(MAX_TEXT)
  // As for executors: what Postgres cannot hold is replaced, since nobody chooses what a program prints.
  .transform((text) => text.toWellFormed().replaceAll('\0', '\uFFFD'));

const output = z
  .array(
    z.strictObject({
      stream: z.enum(['out', 'err']).default('out').describe('Standard output or standard error.'),
      text: writtenText.describe('What was written.'),
    }),
  )
  .max(MAX_PIECES);

const result = storableJson
  .default(null)
  .refine(
    (value) => JSON.stringify(value).length <= MAX_RESULT,
    `must have at most ${MAX_RESULT} characters as JSON`,
  );

const jobError = z.strictObject({
  name: storableText(100)
    .refine((name) => !OWN_ERRORS.includes(name), `must be none of ${OWN_ERRORS.join(', ')}`)
    .default('WorkerError')
    .describe('A stable word to filter by.'),
  message: storableText(10_000).describe('What went wrong.'),
  details: z
    .record(storableText(200), storableJson)
    .optional()
    .describe('Facts that belong to the name, such as an exit code.'),
});

const held = { leaseToken: leaseTokenSchema };

/** What a worker can say about a job that it holds, by the last word of the request's path. */
export const leaseActionSchemas = {
  heartbeat: z.strictObject({ ...held, lease: lease.describe('A new duration, for this renewal only.') }),
  output: z.strictObject({
    ...held,
    output: output.min(1).describe('What the job wrote since the last time.'),
  }),
  complete: z.strictObject({
    ...held,
    result: result.describe('What came of the job.'),
    output: output.optional().describe('The rest of what it wrote.'),
  }),
  fail: z.strictObject({
    ...held,
    error: jobError,
    final: z.boolean().default(false).describe('Trying again is of no use.'),
    retryAfter: duration(0, MAX_RETRY_DELAY_MS)
      .optional()
      .describe("When to try again, instead of the job's own policy."),
    output: output.optional().describe('The rest of what it wrote.'),
  }),
  snooze: z.strictObject({
    ...held,
    delay: duration(0, MAX_RETRY_DELAY_MS).describe(
      'When to lease it out again; the attempt is not counted.',
    ),
  }),
  release: z.strictObject(held),
  cancelled: z.strictObject({ ...held, output: output.optional().describe('The rest of what it wrote.') }),
} as const;

export type LeaseActionName = keyof typeof leaseActionSchemas;

export type LeaseActionBody<Name extends LeaseActionName> = z.output<(typeof leaseActionSchemas)[Name]>;

export type LeaseAction = {
  [Name in LeaseActionName]: { readonly action: Name } & LeaseActionBody<Name>;
}[LeaseActionName];

export const LEASE_ACTIONS = Object.keys(leaseActionSchemas) as LeaseActionName[];

export const leaseBatchSchema = z.strictObject({
  actions: z
    .array(z.unknown())
    .min(1)
    .max(1000)
    .describe(
      'Each with `action` (the last word of the path of a single request), `jobId` and the body of a single request.',
    ),
});

/** What every item of a batch has; the rest depends on the action. */
export const leaseBatchItemSchema = z.looseObject({
  action: z.enum(LEASE_ACTIONS),
  jobId: z.uuid('must be a job id (a UUID)'),
});

export const announcedTypeSchema = z.strictObject({
  payloadSchema: storableObject
    .default({} satisfies Json)
    .describe(
      'JSON Schema (2020-12, or draft-07 if $schema says so) that payloads must fit. Default: anything goes.',
    ),
});

export const typeNameSchema = z.strictObject({
  name: jobType.meta({ description: 'Name of the type.', examples: ['word-count'] }),
});
