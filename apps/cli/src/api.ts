/**
 * The store's REST interface as typed calls. Answers are parsed where they come in, so that the rest of the command line
 * can trust them.
 */
import { randomUUID } from 'node:crypto';
import { TriumvirClient, type Schemas } from '#client/client.js';
import type { ConnectionOptions } from '#client/connection.js';
import { UnexpectedAnswerError } from '#client/errors.js';
import type { StreamMessage } from '#client/event-stream.js';
import type { EventFilter } from '#client/events.js';
import type { Scope } from '#common/domain/access.js';
import { OUTCOMES } from '#common/domain/firing-plan.js';
import type { JobState } from '#common/domain/job.js';
import { z } from 'zod';
import * as answers from './answers.js';
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
  readonly scopes: readonly Scope[];
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

type Outcome = (typeof OUTCOMES)[number];

interface DeadLetterRequest extends DeadLetterFilter {
  readonly all?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

const COUNT_TIMEOUT_MS = 30_000;
/** The most that the store puts on a page. */
export const LONGEST_PAGE = 200;

export class StoreApi {
  private readonly client: TriumvirClient;

  constructor(options: ConnectionOptions) {
    this.client = new TriumvirClient(options);
  }

  get baseUrl(): URL {
    return this.client.baseUrl;
  }

  /** The same store with other limits, for a caller that has more patience or a deadline of its own. */
  with(options: Partial<ConnectionOptions>): StoreApi {
    return new StoreApi({ ...this.client.connection, ...options });
  }

  /** Each call submits one job, however often it must be sent: the store knows a repetition by the key. */
  submitJob(job: NewJob): Promise<answers.Job> {
    return this.parsed(answers.job, this.client.submitJob(job as Schemas['NewJob']));
  }

  getJob(id: string): Promise<answers.Job> {
    return this.parsed(answers.job, this.client.get('/api/v1/jobs/{id}', ofId(id)));
  }

  /** What it waits for. */
  why(id: string): Promise<answers.Why> {
    return this.parsed(answers.why, this.client.get('/api/v1/jobs/{id}/why', ofId(id)));
  }

  /** One page, of at most 200 jobs. */
  listJobs(
    filter: JobFilter,
    page: { limit: number; cursor?: string | undefined },
  ): Promise<answers.JobPage> {
    const { state, tag, ...rest } = filter;
    const query = given({ ...rest, ...page, state: state && [state], tag: tag?.split(',') });
    return this.parsed(answers.jobPage, this.client.get('/api/v1/jobs', { params: { query } }));
  }

  /** Not repeated: the second of two requests would be refused because the first was done. */
  cancelJob(id: string): Promise<answers.Job> {
    return this.parsed(answers.job, this.client.post('/api/v1/jobs/{id}/cancel', ofId(id)));
  }

  /** @param attempt the last one when not given */
  getOutput(id: string, attempt?: number): Promise<answers.JobOutput> {
    const params = { path: { id }, query: given({ attempt }) };
    return this.parsed(answers.jobOutput, this.client.get('/api/v1/jobs/{id}/output', { params }));
  }

  /** What a job writes, from the first byte of an attempt on, until it has ended. @param attempt all from the latest on when not given */
  followOutput(id: string, attempt?: number): AsyncGenerator<StreamMessage> {
    return this.client.followOutput(id, attempt);
  }

  /** What happens to one job, or to all that the filter lets through; it does not end by itself. */
  streamEvents(id: string | undefined, filter: EventFilter): AsyncGenerator<StreamMessage> {
    return this.client.events(id ?? filter);
  }

  listDeadLetters(filter: DeadLetterFilter, limit: number): Promise<answers.JobPage> {
    const query = given({ ...filter, limit });
    return this.parsed(answers.jobPage, this.client.get('/api/v1/dead-letters', { params: { query } }));
  }

  /** Not repeated, for the same reason as cancelJob. */
  redriveJob(id: string, attempts: number): Promise<answers.Job> {
    const request = { ...ofId(id), body: { attempts } };
    return this.parsed(answers.job, this.client.post('/api/v1/jobs/{id}/redrive', request));
  }

  /** Not repeated: the counts of a second one would be wrong. */
  redrive(request: DeadLetterRequest & { readonly attempts: number }): Promise<answers.BulkResult> {
    const body = given(request);
    return this.parsed(answers.bulkResult, this.client.post('/api/v1/dead-letters/redrive', { body }));
  }

  /** Not repeated, for the same reason as redrive. */
  purge(request: DeadLetterRequest): Promise<answers.BulkResult> {
    const body = given(request);
    return this.parsed(answers.bulkResult, this.client.post('/api/v1/dead-letters/purge', { body }));
  }

  /** Not repeated: a key whose answer was lost is one that nobody knows. */
  createKey({ scopes, queues, ...key }: NewApiKey): Promise<answers.MadeKey> {
    const body = { ...key, scopes: [...scopes], ...(queues && { queues: [...queues] }) };
    return this.parsed(answers.madeKey, this.client.post('/api/v1/keys', { body }));
  }

  /** All of them, however many pages that takes. */
  async listKeys(all: boolean): Promise<answers.ApiKey[]> {
    const keys: answers.ApiKey[] = [];
    const query = { all, limit: LONGEST_PAGE };
    for await (const page of this.client.pages('/api/v1/keys', { params: { query } }))
      keys.push(...(await this.parsed(answers.apiKeys, Promise.resolve(page))).keys);
    return keys;
  }

  revokeKey(id: string): Promise<answers.ApiKey> {
    const request = { ...ofId(id), repeatable: true };
    return this.parsed(answers.apiKey, this.client.delete('/api/v1/keys/{id}', request));
  }

  listAudit(filter: AuditFilter, limit: number): Promise<answers.AuditPage> {
    const query = given({ ...filter, limit });
    return this.parsed(answers.auditPage, this.client.get('/api/v1/audit', { params: { query } }));
  }

  /** However often it must be sent, it makes one operation: the store knows a repetition by the key. */
  createBulk(request: BulkRequest): Promise<answers.BulkOperation> {
    const params = { header: { 'Idempotency-Key': randomUUID() } };
    const body = given(request) as Schemas['NewBulkOperation'];
    const answer = this.client.post('/api/v1/bulk', { params, body }) as Promise<Schemas['BulkOperation']>;
    return this.parsed(answers.bulkOperation, answer);
  }

  /** What it would look at. Counting may take ten seconds. */
  countBulk(request: BulkRequest): Promise<z.infer<typeof answers.bulkCount>> {
    const body = { ...given(request), dryRun: true } as Schemas['NewBulkOperation'];
    const { client } = this.with({ timeoutMs: COUNT_TIMEOUT_MS });
    const answer = client.post('/api/v1/bulk', { body, repeatable: true }) as Promise<Schemas['BulkCount']>;
    return this.parsed(answers.bulkCount, answer);
  }

  listBulk(limit: number): Promise<z.infer<typeof answers.bulkPage>> {
    return this.parsed(answers.bulkPage, this.client.get('/api/v1/bulk', { params: { query: { limit } } }));
  }

  getBulk(id: string): Promise<answers.BulkOperation> {
    return this.parsed(answers.bulkOperation, this.client.get('/api/v1/bulk/{id}', ofId(id)));
  }

  /** Not repeated, for the same reason as cancelJob. */
  cancelBulk(id: string): Promise<answers.BulkOperation> {
    return this.parsed(answers.bulkOperation, this.client.post('/api/v1/bulk/{id}/cancel', ofId(id)));
  }

  getCluster(): Promise<answers.Cluster> {
    return this.parsed(answers.cluster, this.client.get('/api/v1/cluster'));
  }

  listSchedules(limit: number): Promise<answers.SchedulePage> {
    const query = { limit };
    return this.parsed(answers.schedulePage, this.client.get('/api/v1/schedules', { params: { query } }));
  }

  getSchedule(name: string): Promise<answers.Schedule> {
    return this.parsed(answers.schedule, this.client.get('/api/v1/schedules/{name}', ofName(name)));
  }

  /** The same definition a second time changes nothing, so it may be sent twice. */
  applySchedule(name: string, definition: unknown, dryRun: boolean): Promise<answers.Applied> {
    const query = { dryRun };
    const body = definition as Schemas['ScheduleDefinition'];
    return this.parsed(
      answers.applied,
      this.client.put('/api/v1/schedules/{name}', { params: { path: { name }, query }, body }),
    );
  }

  /** Not repeated: the second of two requests would not find what the first has deleted. */
  deleteSchedule(name: string): Promise<answers.Schedule> {
    return this.parsed(answers.schedule, this.client.delete('/api/v1/schedules/{name}', ofName(name)));
  }

  pauseSchedule(name: string): Promise<answers.Schedule> {
    const request = { ...ofName(name), repeatable: true };
    return this.parsed(answers.schedule, this.client.post('/api/v1/schedules/{name}/pause', request));
  }

  resumeSchedule(name: string): Promise<answers.Schedule> {
    const request = { ...ofName(name), repeatable: true };
    return this.parsed(answers.schedule, this.client.post('/api/v1/schedules/{name}/resume', request));
  }

  /** Not repeated: each request makes a job. */
  runSchedule(name: string): Promise<answers.ScheduleRun> {
    return this.parsed(answers.scheduleRun, this.client.post('/api/v1/schedules/{name}/run', ofName(name)));
  }

  listOccurrences(
    name: string,
    filter: { readonly outcome?: Outcome | undefined },
    limit: number,
  ): Promise<answers.OccurrencePage> {
    const params = { path: { name }, query: given({ ...filter, limit }) };
    return this.parsed(
      answers.occurrencePage,
      this.client.get('/api/v1/schedules/{name}/occurrences', { params }),
    );
  }

  previewSchedule(
    name: string,
    query: { readonly from?: string | undefined; readonly count: number },
  ): Promise<answers.Preview> {
    const params = { path: { name }, query: given(query) };
    return this.parsed(answers.preview, this.client.get('/api/v1/schedules/{name}/preview', { params }));
  }

  /** Of a definition that is not saved. */
  previewDefinition(definition: unknown): Promise<answers.Preview> {
    const request = { body: definition as Schemas['PreviewRequest'], repeatable: true };
    return this.parsed(answers.preview, this.client.post('/api/v1/schedules/preview', request));
  }

  /** However often it must be sent, it makes one workflow: the store knows a repetition by the key. */
  submitWorkflow(workflow: unknown, idempotencyKey: string = randomUUID()): Promise<answers.Workflow> {
    const params = { header: { 'Idempotency-Key': idempotencyKey } };
    const body = workflow as Schemas['NewWorkflow'];
    return this.parsed(answers.workflow, this.client.post('/api/v1/workflows', { params, body }));
  }

  /** With one page of its jobs, of at most 200. */
  getWorkflow(
    id: string,
    page: { limit: number; cursor?: string | undefined },
  ): Promise<answers.WorkflowWithJobs> {
    const params = { path: { id }, query: given(page) };
    return this.parsed(answers.workflowWithJobs, this.client.get('/api/v1/workflows/{id}', { params }));
  }

  /** Newest first. @param finished only those that are over, or only those that are not */
  listWorkflows(limit: number, finished: boolean | undefined): Promise<answers.WorkflowPage> {
    const query = given({ limit, finished });
    return this.parsed(answers.workflowPage, this.client.get('/api/v1/workflows', { params: { query } }));
  }

  /** Not repeated, for the same reason as cancelJob. */
  cancelWorkflow(id: string): Promise<answers.Workflow> {
    return this.parsed(answers.workflow, this.client.post('/api/v1/workflows/{id}/cancel', ofId(id)));
  }

  /** Not repeated: what the first of two requests set going, the second would be refused for. */
  retryWorkflow(id: string, attempts: number): Promise<answers.Workflow> {
    const request = { ...ofId(id), body: { attempts } };
    return this.parsed(answers.workflow, this.client.post('/api/v1/workflows/{id}/retry', request));
  }

  listQueues(limit: number): Promise<answers.QueuePage> {
    const query = { limit };
    return this.parsed(answers.queuePage, this.client.get('/api/v1/queues', { params: { query } }));
  }

  getQueue(name: string): Promise<answers.Queue> {
    return this.parsed(answers.queue, this.client.get('/api/v1/queues/{name}', ofName(name)));
  }

  /**
   * The same settings a second time change nothing, so they may be sent twice.
   * @param version what they were made from: refused when the queue has changed since; undefined for a new one
   */
  applyQueue(name: string, settings: QueueSettings, version: number | undefined): Promise<answers.Queue> {
    const header = version === undefined ? {} : { 'If-Match': `"${version}"` };
    const body = settings as Schemas['QueueSettingsView'];
    return this.parsed(
      answers.queue,
      this.client.put('/api/v1/queues/{name}', { params: { path: { name }, header }, body }),
    );
  }

  pauseQueue(name: string): Promise<answers.Queue> {
    const request = { ...ofName(name), repeatable: true };
    return this.parsed(answers.queue, this.client.post('/api/v1/queues/{name}/pause', request));
  }

  resumeQueue(name: string): Promise<answers.Queue> {
    const request = { ...ofName(name), repeatable: true };
    return this.parsed(answers.queue, this.client.post('/api/v1/queues/{name}/resume', request));
  }

  /** Not repeated: the second of two requests would not find what the first has deleted. */
  deleteQueue(name: string): Promise<answers.Queue> {
    return this.parsed(answers.queue, this.client.delete('/api/v1/queues/{name}', ofName(name)));
  }

  /** The compiler holds the document's answer against the schema; the schema holds what really came against itself. */
  private async parsed<Schema extends z.ZodType>(
    schema: Schema,
    answer: Promise<z.input<Schema>>,
  ): Promise<z.infer<Schema>> {
    const parsed = schema.safeParse(await answer);
    if (parsed.success) return parsed.data;
    throw new UnexpectedAnswerError(this.baseUrl, z.prettifyError(parsed.error));
  }
}

const ofId = (id: string) => ({ params: { path: { id } } });
const ofName = (name: string) => ({ params: { path: { name } } });

/** Without the fields that were not given: in a request, undefined is no value. */
function given<Fields extends object>(
  fields: Fields,
): { [Key in keyof Fields]: Exclude<Fields[Key], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof Fields]: Exclude<Fields[Key], undefined> };
}
