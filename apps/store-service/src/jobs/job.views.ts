/** Jobs as the API shows them: what clients can rely on in answers. Each description is part of the API's documentation. */
import { z } from 'zod';
import { JOB_STATES, ON_LOST } from '#common/domain/job.js';
import { COUNTED_OUTCOMES } from '#common/domain/outcome.js';
import { ON_DEPENDENCY_FAILURE } from '#common/domain/workflow.js';
import { json, nextCursor, time, wholeNumber } from '../http/answer-fields.js';
import type { View } from '../http/operation.js';
import { fieldProblemSchema, PROBLEM_KINDS } from '../http/problem.js';

export const jobErrorSchema = z
  .object({
    name: z.string().describe('A stable word to filter by, such as CommandFailed, Timeout or ExecutorLost.'),
    message: z.string().describe('What happened, for people.'),
    details: z
      .record(z.string(), json)
      .optional()
      .describe('Facts that belong to the name, such as the exit code.'),
  })
  .meta({ id: 'JobError', description: 'Why an attempt did not succeed.' });

const retryView = z
  .discriminatedUnion('strategy', [
    z.object({
      strategy: z.literal('exponential'),
      base: wholeNumber.describe('Wait after the first failure, in milliseconds.'),
      factor: z.number().describe('What each further wait is multiplied by.'),
      max: wholeNumber.describe('Longest wait, in milliseconds.'),
      jitter: z.number().describe('Share of the wait that is left to chance, 0 to 1.'),
    }),
    z.object({ strategy: z.literal('fixed'), delay: wholeNumber.describe('Milliseconds.') }),
    z.object({
      strategy: z.literal('list'),
      delays: z
        .array(wholeNumber)
        .describe('Milliseconds after the first, second, … failure; the last repeats.'),
    }),
    z.object({ strategy: z.literal('none') }),
  ])
  .meta({ id: 'RetryPolicyView', description: 'When a job is tried again after a failure.' });

export type RetryView = View<typeof retryView>;

/** What a job is told, wherever it comes from: one that is submitted, or the template of a schedule. */
export const jobSettingsView = {
  type: z.string().describe('Which handler runs it.'),
  payload: json.describe('What the handler is given.'),
  name: z.string().nullable().describe('A label for people.'),
  queue: z.string(),
  priority: wholeNumber.describe('0 is the most urgent, 9 the least.'),
  maxAttempts: wholeNumber.describe('How often it is tried before it is dead.'),
  timeout: wholeNumber.describe('How long one attempt may run, in milliseconds.'),
  retry: retryView.nullable().describe('As it was given; null is the default: exponential from 1 s to 1 h.'),
  tags: z.array(z.string()).describe('Words to find it by.'),
  onLost: z.enum(ON_LOST).describe('What happens when the executor dies under it.'),
  concurrencyKey: z
    .string()
    .nullable()
    .describe('Of the jobs of its queue that have this key only so many run at a time.'),
  fairnessKey: z.string().nullable().describe('The jobs of its queue take turns between these keys.'),
};

const job = z.object({
  id: z.uuid().describe('A UUIDv7: later jobs have greater ids.'),
  ...jobSettingsView,
  state: z
    .enum(JOB_STATES)
    .describe(
      '`blocked` waits for other jobs, or is held for a person, `scheduled` waits until it is due, `queued` for an executor; `succeeded`, `dead`, `cancelled` and `expired` are ends.',
    ),
  runAt: time.describe('When it is due, or due again.'),
  createdAt: time,
  queuedAt: time.nullable().describe('When it was handed over last.'),
  startedAt: time.nullable().describe('When its latest attempt began.'),
  finishedAt: time.nullable().describe('When it ended.'),
  attempt: wholeNumber.describe(
    'Attempts that were started; one that a shutdown interrupted does not count.',
  ),
  executor: z.string().nullable().describe('Id of the executor or lease that runs it, or ran it last.'),
  worker: z
    .string()
    .nullable()
    .describe('What the worker outside that leased it last calls itself; null when executors run it.'),
  cancelRequestedAt: time.nullable().describe('When somebody asked for its end while it ran.'),
  expiresAt: time.nullable().describe('When it becomes expired, unless it has started before.'),
  uniqueKey: z.string().nullable().describe('At most one unfinished job has this key.'),
  workflowId: z.uuid().nullable().describe('The workflow it belongs to.'),
  waitsFor: wholeNumber
    .nullable()
    .describe(
      'How many of the jobs it depends on have yet to end as they should; null when it depends on none.',
    ),
  createdBy: z
    .uuid()
    .nullable()
    .describe('Id of the API key that submitted it; null without one, and for jobs that schedules made.'),
  result: json.describe('What its handler returned; null until it has succeeded.'),
  error: jobErrorSchema.nullable().describe('What its latest attempt failed of.'),
});

export const jobSchema = job.meta({ id: 'Job', description: 'A unit of work and its state.' });
export type JobView = View<typeof jobSchema>;

const attemptSchema = z
  .object({
    attempt: wholeNumber.describe('Its number; the first is 1.'),
    outcome: z
      .enum([...COUNTED_OUTCOMES, ...JOB_STATES])
      .describe(
        '`failed`, `timed_out`, or `lost` with its executor; or the state of the job that it made or makes.',
      ),
    executor: z.string().nullable(),
    startedAt: time.nullable(),
    finishedAt: time.nullable(),
    error: jobErrorSchema.nullable(),
  })
  .meta({ id: 'Attempt', description: 'One try at running a job.' });
export type AttemptView = View<typeof attemptSchema>;

const parentSchema = z
  .object({
    id: z.uuid(),
    name: z.string().nullable(),
    state: z.enum(JOB_STATES),
    onDependencyFailure: z
      .enum(ON_DEPENDENCY_FAILURE)
      .describe('What becomes of the job when this one ends without success.'),
    result: json.describe('What its handler returned; null until it has succeeded.'),
    omitted: z
      .boolean()
      .describe('Whether the result is null only because those of all parents together are too large.'),
  })
  .meta({ id: 'Parent', description: 'A job that another one depends on.' });

const progressSchema = z
  .object({
    percent: z.number().describe('0 to 100.'),
    message: z.string().nullable().describe('What it is at.'),
    updatedAt: time,
  })
  .meta({ id: 'Progress', description: 'How far an attempt is, by its own account.' });
export type ProgressView = View<typeof progressSchema>;

export const jobWithAttemptsSchema = job
  .extend({
    progress: progressSchema
      .nullable()
      .describe('What the handler told last of its latest attempt; null when it tells nothing.'),
    attempts: z.array(attemptSchema).describe('Every attempt, the first one first.'),
    parents: z.array(parentSchema).describe('The jobs of its workflow that it depends on.'),
  })
  .meta({ id: 'JobWithAttempts', description: 'A job and every try at running it.' });

export const listedJobSchema = job
  .extend({
    omitted: z
      .array(z.string())
      .describe('What is null here only because it is large; the job itself, asked for by its id, has it.'),
  })
  .meta({ id: 'ListedJob', description: 'A job in a list.' });
export type ListedJobView = View<typeof listedJobSchema>;

export const jobPageSchema = z
  .object({ jobs: z.array(listedJobSchema), nextCursor })
  .meta({ id: 'JobPage', description: 'Jobs, newest first.' });

export const foundJobsSchema = jobPageSchema
  .extend({
    searchedBackTo: time
      .nullable()
      .describe(
        'Set when the search was ended by its time: jobs created before then have not been looked at yet, and `nextCursor` goes on there. The page may have few jobs then, or none. Null when it has all that it should.',
      ),
  })
  .meta({ id: 'FoundJobs', description: 'A page of jobs that were looked for, newest first.' });
export type FoundJobsView = View<typeof foundJobsSchema>;

export const outputSchema = z
  .object({
    jobId: z.uuid(),
    attempt: wholeNumber,
    output: z
      .string()
      .describe('Both streams in the order of writing, with a line that tells where something was left out.'),
    stdout: z.string(),
    stderr: z.string(),
    truncated: z.boolean().describe('Whether something was left out.'),
    omittedBytes: wholeNumber.describe('Bytes that were left out because there were more than are kept.'),
  })
  .meta({ id: 'Output', description: 'What an attempt wrote.' });
export type OutputView = View<typeof outputSchema>;

const batchResultSchema = z
  .union([
    z.object({
      index: wholeNumber.describe('Place of the job in the request; the first is 0.'),
      id: z.uuid(),
      state: z.enum(JOB_STATES),
      created: z.boolean().describe('False when it was there already, by its Idempotency-Key or uniqueKey.'),
    }),
    z.object({
      index: wholeNumber,
      error: z.object({
        kind: z.enum(PROBLEM_KINDS),
        detail: z.string(),
        errors: z.array(fieldProblemSchema),
      }),
    }),
  ])
  .meta({ id: 'BatchResult', description: 'What became of one job of a batch.' });

export const batchSchema = z
  .object({
    created: wholeNumber.describe('Jobs that were made.'),
    existing: wholeNumber.describe('Jobs that were there already, by their Idempotency-Key or uniqueKey.'),
    rejected: wholeNumber.describe('Jobs that were not accepted.'),
    results: z.array(batchResultSchema).describe('One for each job, in the order given.'),
  })
  .meta({ id: 'Batch' });
export type BatchView = View<typeof batchSchema>;
