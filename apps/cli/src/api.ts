/**
 * The store's REST interface as typed calls. Answers are parsed where they come in, so that the rest of the command line
 * can trust them.
 */
import { randomUUID } from 'node:crypto';
import type { JobState } from '#common/domain/job.js';
import { z } from 'zod';
import * as answers from './answers.js';
import { streamEvents, type StreamMessage } from './event-stream.js';
import { requestJson, type HttpOptions, type HttpRequest } from './http.js';
import { UnexpectedAnswerError } from './store-errors.js';
import type { NewJob } from './new-job.js';

export interface JobFilter {
  readonly state?: JobState | undefined;
  readonly type?: string | undefined;
  readonly queue?: string | undefined;
  /** Several with commas between: jobs that have all of them. */
  readonly tag?: string | undefined;
  /** A query (docs/SEARCH.md). */
  readonly q?: string | undefined;
}

/** Each may name several, with commas between. */
export interface EventFilter {
  readonly queue?: string | undefined;
  readonly type?: string | undefined;
  readonly workflow?: string | undefined;
  readonly state?: string | undefined;
}

/** Which dead jobs are meant; times are ISO 8601 with offset. */
export interface DeadLetterFilter {
  readonly type?: string | undefined;
  readonly queue?: string | undefined;
  readonly error?: string | undefined;
  readonly failedBefore?: string | undefined;
  readonly failedAfter?: string | undefined;
}

/** What a queue may do; null is no limit. */
export type QueueSettings = Pick<answers.Queue['settings'], 'concurrency' | 'concurrencyPerKey' | 'drain'> & {
  readonly rateLimit: { readonly limit: number; readonly interval: number | string } | null;
};

export interface NewApiKey {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly queues?: readonly string[];
  readonly rate?: string;
  readonly expiresIn?: string;
  readonly expiresAt?: string;
}

/** Times are ISO 8601 with offset. */
export interface AuditFilter {
  readonly key?: string | undefined;
  readonly action?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

/** Which jobs a bulk operation means. */
export interface BulkJobFilter {
  readonly q?: string | undefined;
  readonly state?: readonly string[] | undefined;
  readonly type?: string | undefined;
  readonly queue?: string | undefined;
  readonly tag?: readonly string[] | undefined;
}

export interface BulkRequest {
  readonly action: answers.BulkOperation['action'];
  readonly attempts?: number;
  readonly priority?: number;
  readonly filter: BulkJobFilter;
  readonly all: boolean | undefined;
}

interface DeadLetterRequest extends DeadLetterFilter {
  readonly all?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

export class StoreApi {
  constructor(private readonly options: HttpOptions) {}

  /** The same store with other limits, for a caller that has more patience or a deadline of its own. */
  with(options: Partial<HttpOptions>): StoreApi {
    return new StoreApi({ ...this.options, ...options });
  }

  /** Each call submits one job, however often it must be sent: the store knows a repetition by the key. */
  submitJob(job: NewJob): Promise<answers.Job> {
    return this.call(answers.job, {
      method: 'POST',
      path: 'api/v1/jobs',
      headers: { 'idempotency-key': randomUUID() },
      body: job,
      repeatable: true,
    });
  }

  getJob(id: string): Promise<answers.Job> {
    return this.get(answers.job, jobPath(id));
  }

  /** What it waits for. */
  why(id: string): Promise<answers.Why> {
    return this.get(answers.why, `${jobPath(id)}/why`);
  }

  /** One page, of at most 200 jobs. */
  listJobs(
    filter: JobFilter,
    page: { limit: number; cursor?: string | undefined },
  ): Promise<answers.JobPage> {
    return this.get(answers.jobPage, 'api/v1/jobs', {
      ...filter,
      limit: String(page.limit),
      cursor: page.cursor,
    });
  }

  /** Not repeated: the second of two requests would be refused because the first was done. */
  cancelJob(id: string): Promise<answers.Job> {
    return this.call(answers.job, { method: 'POST', path: `${jobPath(id)}/cancel`, repeatable: false });
  }

  /** @param attempt the last one when not given */
  getOutput(id: string, attempt?: number): Promise<answers.JobOutput> {
    return this.get(answers.jobOutput, `${jobPath(id)}/output`, { attempt: attempt?.toString() });
  }

  /** What a job writes, from the first byte of an attempt on, until it has ended. @param attempt all from the latest on when not given */
  followOutput(id: string, attempt?: number): AsyncGenerator<StreamMessage> {
    const query = { follow: 'true', attempt: attempt?.toString() };
    return streamEvents(this.options, { path: `${jobPath(id)}/output`, query });
  }

  /** What happens to one job, or to all that the filter lets through; it does not end by itself. */
  streamEvents(id: string | undefined, filter: EventFilter): AsyncGenerator<StreamMessage> {
    return streamEvents(
      this.options,
      id === undefined ? { path: 'api/v1/events', query: { ...filter } } : { path: `${jobPath(id)}/events` },
    );
  }

  listDeadLetters(filter: DeadLetterFilter, limit: number): Promise<answers.JobPage> {
    return this.get(answers.jobPage, 'api/v1/dead-letters', { ...filter, limit: String(limit) });
  }

  /** Not repeated, for the same reason as cancelJob. */
  redriveJob(id: string, attempts: number): Promise<answers.Job> {
    const path = `${jobPath(id)}/redrive`;
    return this.call(answers.job, { method: 'POST', path, body: { attempts }, repeatable: false });
  }

  redrive(request: DeadLetterRequest & { readonly attempts: number }): Promise<answers.BulkResult> {
    return this.bulk('redrive', request);
  }

  purge(request: DeadLetterRequest): Promise<answers.BulkResult> {
    return this.bulk('purge', request);
  }

  /** Not repeated: the counts of a second one would be wrong. */
  private bulk(action: 'redrive' | 'purge', body: DeadLetterRequest): Promise<answers.BulkResult> {
    const path = `api/v1/dead-letters/${action}`;
    return this.call(answers.bulkResult, { method: 'POST', path, body, repeatable: false });
  }

  /** Not repeated: a key whose answer was lost is one that nobody knows. */
  createKey(key: NewApiKey): Promise<answers.MadeKey> {
    return this.call(answers.madeKey, { method: 'POST', path: 'api/v1/keys', body: key, repeatable: false });
  }

  listKeys(all: boolean): Promise<answers.ApiKeys> {
    return this.get(answers.apiKeys, 'api/v1/keys', { all: String(all) });
  }

  revokeKey(id: string): Promise<answers.ApiKey> {
    const path = `api/v1/keys/${encodeURIComponent(id)}`;
    return this.call(answers.apiKey, { method: 'DELETE', path, repeatable: true });
  }

  listAudit(filter: AuditFilter, limit: number): Promise<answers.AuditPage> {
    return this.get(answers.auditPage, 'api/v1/audit', { ...filter, limit: String(limit) });
  }

  /** Not repeated: each request makes an operation. */
  createBulk(request: BulkRequest): Promise<answers.BulkOperation> {
    return this.call(answers.bulkOperation, {
      method: 'POST',
      path: 'api/v1/bulk',
      body: request,
      repeatable: false,
    });
  }

  /** What it would look at. Counting may take ten seconds. */
  countBulk(request: BulkRequest): Promise<z.infer<typeof answers.bulkCount>> {
    return this.with({ requestTimeoutMs: 30_000 }).call(answers.bulkCount, {
      method: 'POST',
      path: 'api/v1/bulk',
      body: { ...request, dryRun: true },
      repeatable: true,
    });
  }

  listBulk(limit: number): Promise<z.infer<typeof answers.bulkPage>> {
    return this.get(answers.bulkPage, 'api/v1/bulk', { limit: String(limit) });
  }

  getBulk(id: string): Promise<answers.BulkOperation> {
    return this.get(answers.bulkOperation, bulkPath(id));
  }

  /** Not repeated, for the same reason as cancelJob. */
  cancelBulk(id: string): Promise<answers.BulkOperation> {
    return this.call(answers.bulkOperation, {
      method: 'POST',
      path: `${bulkPath(id)}/cancel`,
      repeatable: false,
    });
  }

  getCluster(): Promise<answers.Cluster> {
    return this.get(answers.cluster, 'api/v1/cluster');
  }

  listSchedules(limit: number): Promise<answers.SchedulePage> {
    return this.get(answers.schedulePage, 'api/v1/schedules', { limit: String(limit) });
  }

  getSchedule(name: string): Promise<answers.Schedule> {
    return this.get(answers.schedule, schedulePath(name));
  }

  /** The same definition a second time changes nothing, so it may be sent twice. */
  applySchedule(name: string, definition: unknown, dryRun: boolean): Promise<answers.Applied> {
    return this.call(answers.applied, {
      method: 'PUT',
      path: schedulePath(name),
      query: { dryRun: String(dryRun) },
      body: definition,
      repeatable: true,
    });
  }

  /** Not repeated: the second of two requests would not find what the first has deleted. */
  deleteSchedule(name: string): Promise<answers.Schedule> {
    return this.call(answers.schedule, { method: 'DELETE', path: schedulePath(name), repeatable: false });
  }

  pauseSchedule(name: string): Promise<answers.Schedule> {
    return this.call(answers.schedule, {
      method: 'POST',
      path: `${schedulePath(name)}/pause`,
      repeatable: true,
    });
  }

  resumeSchedule(name: string): Promise<answers.Schedule> {
    return this.call(answers.schedule, {
      method: 'POST',
      path: `${schedulePath(name)}/resume`,
      repeatable: true,
    });
  }

  /** Not repeated: each request makes a job. */
  runSchedule(name: string): Promise<answers.ScheduleRun> {
    return this.call(answers.scheduleRun, {
      method: 'POST',
      path: `${schedulePath(name)}/run`,
      repeatable: false,
    });
  }

  listOccurrences(
    name: string,
    filter: { readonly outcome?: string | undefined },
    limit: number,
  ): Promise<answers.OccurrencePage> {
    return this.get(answers.occurrencePage, `${schedulePath(name)}/occurrences`, {
      ...filter,
      limit: String(limit),
    });
  }

  previewSchedule(
    name: string,
    query: { readonly from?: string | undefined; readonly count: number },
  ): Promise<answers.Preview> {
    return this.get(answers.preview, `${schedulePath(name)}/preview`, {
      from: query.from,
      count: String(query.count),
    });
  }

  /** Of a definition that is not saved. */
  previewDefinition(definition: unknown): Promise<answers.Preview> {
    return this.call(answers.preview, {
      method: 'POST',
      path: 'api/v1/schedules/preview',
      body: definition,
      repeatable: true,
    });
  }

  /** However often it must be sent, it makes one workflow: the store knows a repetition by the key. */
  submitWorkflow(workflow: unknown): Promise<answers.Workflow> {
    return this.call(answers.workflow, {
      method: 'POST',
      path: 'api/v1/workflows',
      headers: { 'idempotency-key': randomUUID() },
      body: workflow,
      repeatable: true,
    });
  }

  /** With one page of its jobs, of at most 200. */
  getWorkflow(
    id: string,
    page: { limit: number; cursor?: string | undefined },
  ): Promise<answers.WorkflowWithJobs> {
    return this.get(answers.workflowWithJobs, workflowPath(id), {
      limit: String(page.limit),
      cursor: page.cursor,
    });
  }

  /** Newest first. @param finished only those that are over, or only those that are not */
  listWorkflows(limit: number, finished: boolean | undefined): Promise<answers.WorkflowPage> {
    return this.get(answers.workflowPage, 'api/v1/workflows', {
      limit: String(limit),
      finished: finished?.toString(),
    });
  }

  /** Not repeated, for the same reason as cancelJob. */
  cancelWorkflow(id: string): Promise<answers.Workflow> {
    return this.call(answers.workflow, {
      method: 'POST',
      path: `${workflowPath(id)}/cancel`,
      repeatable: false,
    });
  }

  /** Not repeated: what the first of two requests set going, the second would be refused for. */
  retryWorkflow(id: string, attempts: number): Promise<answers.Workflow> {
    const path = `${workflowPath(id)}/retry`;
    return this.call(answers.workflow, { method: 'POST', path, body: { attempts }, repeatable: false });
  }

  listQueues(limit: number): Promise<answers.QueuePage> {
    return this.get(answers.queuePage, 'api/v1/queues', { limit: String(limit) });
  }

  getQueue(name: string): Promise<answers.Queue> {
    return this.get(answers.queue, queuePath(name));
  }

  /**
   * The same settings a second time change nothing, so they may be sent twice.
   * @param version what they were made from: refused when the queue has changed since; undefined for a new one
   */
  applyQueue(name: string, settings: QueueSettings, version: number | undefined): Promise<answers.Queue> {
    return this.call(answers.queue, {
      method: 'PUT',
      path: queuePath(name),
      ...(version === undefined ? {} : { headers: { 'if-match': `"${version}"` } }),
      body: settings,
      // With a version the second of two requests would be refused because the first was done.
      repeatable: version === undefined,
    });
  }

  pauseQueue(name: string): Promise<answers.Queue> {
    return this.call(answers.queue, { method: 'POST', path: `${queuePath(name)}/pause`, repeatable: true });
  }

  resumeQueue(name: string): Promise<answers.Queue> {
    return this.call(answers.queue, { method: 'POST', path: `${queuePath(name)}/resume`, repeatable: true });
  }

  /** Not repeated: the second of two requests would not find what the first has deleted. */
  deleteQueue(name: string): Promise<answers.Queue> {
    return this.call(answers.queue, { method: 'DELETE', path: queuePath(name), repeatable: false });
  }

  private get<Schema extends z.ZodType>(
    schema: Schema,
    path: string,
    query?: Readonly<Record<string, string | undefined>>,
  ): Promise<z.infer<Schema>> {
    return this.call(schema, { method: 'GET', path, ...(query && { query }), repeatable: true });
  }

  private async call<Schema extends z.ZodType>(
    schema: Schema,
    request: HttpRequest,
  ): Promise<z.infer<Schema>> {
    const parsed = schema.safeParse(await requestJson(this.options, request));
    if (parsed.success) return parsed.data;
    throw new UnexpectedAnswerError(this.options.baseUrl, z.prettifyError(parsed.error));
  }
}

/** An id comes from a person: whatever they type, it stays one segment of the path. */
const jobPath = (id: string) => `api/v1/jobs/${encodeURIComponent(id)}`;
const bulkPath = (id: string) => `api/v1/bulk/${encodeURIComponent(id)}`;
const queuePath = (name: string) => `api/v1/queues/${encodeURIComponent(name)}`;
const schedulePath = (name: string) => `api/v1/schedules/${encodeURIComponent(name)}`;
const workflowPath = (id: string) => `api/v1/workflows/${encodeURIComponent(id)}`;
