/**
 * What the store answers, as far as the command line uses it. Objects are loose: fields that a newer store adds are kept
 * and reach the reader of `-o json`.
 */
import { BULK_ACTIONS, BULK_STATES } from '#common/domain/bulk.js';
import { isEndState, JOB_STATES } from '#common/domain/job.js';
import { WORKFLOW_STATES } from '#common/domain/workflow.js';
import { z } from 'zod';

export const isFinished = (job: Job): boolean => isEndState(job.state);

const moment = z.string().nullable();

const jobError = z.looseObject({
  name: z.string().optional(),
  message: z.string(),
  exitCode: z.number().nullish(),
  details: z.looseObject({ exitCode: z.number().nullish() }).nullish(),
});

const attempt = z.looseObject({
  attempt: z.number(),
  outcome: z.string().nullable(),
  executor: z.string().nullable(),
  startedAt: moment,
  finishedAt: moment,
  error: jobError.nullable(),
});

export const job = z.looseObject({
  id: z.string(),
  name: z.string().nullable(),
  type: z.string(),
  queue: z.string(),
  state: z.enum(JOB_STATES),
  priority: z.number(),
  payload: z.unknown(),
  runAt: moment,
  createdAt: moment,
  startedAt: moment,
  finishedAt: moment,
  attempt: z.number(),
  maxAttempts: z.number(),
  executor: z.string().nullable(),
  cancelRequestedAt: moment,
  expiresAt: moment.optional(),
  tags: z.array(z.string()).optional(),
  result: z.unknown(),
  error: jobError.nullable(),
  /** Only when one job is asked for by its id. */
  attempts: z.array(attempt).optional(),
});

export const jobPage = z.looseObject({ jobs: z.array(job), nextCursor: z.string().nullable() });

export const apiKey = z.looseObject({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.string()),
  queues: z.array(z.string()),
  rate: z.string().nullable(),
  createdAt: z.string(),
  expiresAt: moment,
  revokedAt: moment,
  lastUsedAt: moment,
});
export const madeKey = apiKey.extend({ key: z.string() });
export const apiKeys = z.looseObject({ keys: z.array(apiKey) });

const auditEntry = z.looseObject({
  id: z.string(),
  at: z.string(),
  who: z.string(),
  address: z.string(),
  action: z.string(),
  target: z.string(),
  outcome: z.string(),
});
export const auditPage = z.looseObject({ entries: z.array(auditEntry), nextCursor: z.string().nullable() });

export const bulkOperation = z.looseObject({
  id: z.string(),
  action: z.enum(BULK_ACTIONS),
  state: z.enum(BULK_STATES),
  filter: z.record(z.string(), z.unknown()),
  percent: z.number(),
  matched: z.number(),
  done: z.number(),
  /** By reason. */
  skipped: z.record(z.string(), z.number()),
  createdAt: z.string(),
});
export type BulkOperation = z.infer<typeof bulkOperation>;

export const bulkPage = z.looseObject({
  operations: z.array(bulkOperation),
  nextCursor: z.string().nullable(),
});

/** What a dry run counted. */
export const bulkCount = z.looseObject({
  matched: z.number(),
  byState: z.record(z.string(), z.number()),
  countedBackTo: moment,
});

/** What a bulk operation on dead jobs did. */
export const bulkResult = z.looseObject({
  matched: z.number(),
  redriven: z.number().optional(),
  purged: z.number().optional(),
});

export const jobOutput = z.looseObject({
  attempt: z.number(),
  /** stdout and stderr as they came, mixed. */
  output: z.string(),
  stdout: z.string(),
  stderr: z.string(),
  truncated: z.boolean(),
  omittedBytes: z.number(),
});

/** A piece of output that is followed. */
export const outputPiece = z.looseObject({
  stream: z.enum(['out', 'err']),
  text: z.string(),
  omittedBytes: z.number().optional(),
});

export const jobEvent = z.looseObject({
  jobId: z.string(),
  type: z.string(),
  queue: z.string(),
  change: z.string(),
  state: z.enum(JOB_STATES),
  attempt: z.number(),
  at: z.string(),
});

/** Something that was to be told cannot be told any more. */
export const gap = z.looseObject({ detail: z.string() });
const reason = z.looseObject({ reason: z.string(), sentence: z.string(), about: z.number().nullable() });
export const why = reason.extend({ also: z.array(reason) });

export const schedule = z.looseObject({
  name: z.string(),
  state: z.string(),
  definition: z.looseObject({
    cron: z.string().nullish(),
    every: z.number().nullish(),
    timezone: z.string(),
    job: z.looseObject({ type: z.string(), queue: z.string() }),
  }),
  nextDueAt: moment,
  firedCount: z.number(),
});

export const schedulePage = z.looseObject({
  schedules: z.array(schedule),
  nextCursor: z.string().nullable(),
});

/** What applying a definition did, or would do. */
export const applied = z.looseObject({
  applied: z.enum(['created', 'updated', 'unchanged']),
  changes: z.array(z.looseObject({ field: z.string(), before: z.unknown(), after: z.unknown() })),
});

export const scheduleRun = z.looseObject({ jobId: z.string(), dueAt: z.string() });

export const occurrencePage = z.looseObject({
  occurrences: z.array(
    z.looseObject({
      dueAt: z.string(),
      outcome: z.string(),
      reason: z.string().nullable(),
      lateness: z.number(),
      jobId: z.string().nullable(),
    }),
  ),
  nextBefore: z.string().nullable(),
});

export const preview = z.looseObject({
  timezone: z.string(),
  dueTimes: z.array(
    z.looseObject({
      utc: z.string(),
      local: z.string(),
      clock: z.string(),
      wallClock: z.string(),
      runAt: z.string(),
    }),
  ),
});

export const workflow = z.looseObject({
  id: z.string(),
  name: z.string().nullable(),
  state: z.enum(WORKFLOW_STATES),
  progress: z.looseObject({ total: z.number(), finished: z.number() }).catchall(z.number()),
  createdAt: z.string(),
  finishedAt: moment,
});

export const workflowPage = z.looseObject({
  workflows: z.array(workflow),
  nextCursor: z.string().nullable(),
});

export const workflowWithJobs = workflow.extend({
  jobs: z.array(job.extend({ dependsOn: z.array(z.looseObject({ job: z.string() })) })),
  nextCursor: z.string().nullable(),
});
export const queue = z.looseObject({
  name: z.string(),
  state: z.string(),
  settings: z.looseObject({
    concurrency: z.number().nullable(),
    concurrencyPerKey: z.number(),
    rateLimit: z.looseObject({ limit: z.number(), interval: z.number() }).nullable(),
    drain: z.string(),
  }),
  counts: z.looseObject({
    scheduled: z.number(),
    queued: z.number(),
    running: z.number(),
    dead: z.number(),
  }),
  /** A count that is not less means as many or more. */
  countedTo: z.number(),
  version: z.number(),
});

export const queuePage = z.looseObject({ queues: z.array(queue), nextAfter: z.string().nullable() });

const member = z.looseObject({ id: z.string(), host: z.string(), pid: z.number(), since: z.string() });

export const cluster = z.looseObject({
  elections: z.array(
    z.looseObject({
      election: z.string(),
      /** Its epoch is null from the moment it is elected until Postgres has given it one. */
      leader: member.extend({ epoch: z.number().nullable() }).nullable(),
      candidates: z.array(member),
    }),
  ),
  members: z.record(z.string(), z.array(member)),
  executors: z.array(
    z.looseObject({
      id: z.string(),
      slots: z.number(),
      running: z.number(),
      types: z.array(z.string()),
      leaseExpiresAt: moment,
    }),
  ),
});

export type ApiKey = z.infer<typeof apiKey>;
export type MadeKey = z.infer<typeof madeKey>;
export type AuditEntry = z.infer<typeof auditEntry>;
export type AuditPage = z.infer<typeof auditPage>;
export type Job = z.infer<typeof job>;
export type JobPage = z.infer<typeof jobPage>;
export type BulkResult = z.infer<typeof bulkResult>;
export type JobEvent = z.infer<typeof jobEvent>;
export type Why = z.infer<typeof why>;
export type JobOutput = z.infer<typeof jobOutput>;
export type Schedule = z.infer<typeof schedule>;
export type SchedulePage = z.infer<typeof schedulePage>;
export type Applied = z.infer<typeof applied>;
export type ScheduleRun = z.infer<typeof scheduleRun>;
export type OccurrencePage = z.infer<typeof occurrencePage>;
export type Preview = z.infer<typeof preview>;
export type Workflow = z.infer<typeof workflow>;
export type WorkflowPage = z.infer<typeof workflowPage>;
export type WorkflowWithJobs = z.infer<typeof workflowWithJobs>;
export type Queue = z.infer<typeof queue>;
export type QueuePage = z.infer<typeof queuePage>;
export type Cluster = z.infer<typeof cluster>;
