/**
 * A client for the API of a Triumvir store. Requests and answers have the types that openapi.json gives them; beside them
 * stands what a client needs and the document does not have: time-outs, repetition, pages, live events, waiting.
 *
 *     const client = new TriumvirClient({ baseUrl: 'http://localhost:3000' });
 *     const job = await client.submitJob({ type: 'print', payload: { text: 'hello' } });
 *     const { state } = await client.waitFor(job.id);
 */
import { randomUUID } from 'node:crypto';
import createClient, { type Client } from 'openapi-fetch';
import type { Answer, Call, CallOptions, Pages } from './calls.js';
import { connectionOf, type Connection, type ConnectionOptions } from './connection.js';
import { withDeadline } from './deadline.js';
import { UnexpectedAnswerError, WaitTimedOutError } from './errors.js';
import { streamEvents, type StreamMessage } from './event-stream.js';
import { hasEnded, type EventFilter, type JobMessage } from './events.js';
import { exchange } from './exchange.js';
import type { components, paths } from './generated/openapi.js';
import { nextQuery } from './pages.js';

export type Schemas = components['schemas'];
type NewJob = Schemas['NewJob'];

export interface WaitOptions {
  /** Without it the wait ends with the job. */
  readonly timeoutMs?: number | undefined;
}

/** A call after its types have done their work. */
interface PlainInit extends CallOptions {
  readonly params?: { readonly query?: Record<string, unknown>; readonly header?: Record<string, unknown> };
  readonly headers?: Record<string, unknown>;
}

export class TriumvirClient {
  /** How it reaches the store; for another client of the same one. */
  readonly connection: Connection;
  readonly #api: Client<paths>;

  constructor(options: ConnectionOptions) {
    this.connection = connectionOf(options);
    this.#api = createClient<paths>({
      baseUrl: this.baseUrl.origin + this.baseUrl.pathname,
      headers: { accept: 'application/json, application/problem+json' },
      // Several values of a parameter have commas between them.
      querySerializer: { array: { style: 'form', explode: false } },
    });
  }

  get baseUrl(): URL {
    return this.connection.baseUrl;
  }

  /** The same store with other limits, for a caller that has more patience or a deadline of its own. */
  with(options: Partial<ConnectionOptions>): TriumvirClient {
    return new TriumvirClient({ ...this.connection, ...options });
  }

  readonly get: Call<'get'> = (path, ...init) => this.#call('get', path, init[0]);
  readonly post: Call<'post'> = (path, ...init) => this.#call('post', path, init[0]);
  readonly put: Call<'put'> = (path, ...init) => this.#call('put', path, init[0]);
  readonly patch: Call<'patch'> = (path, ...init) => this.#call('patch', path, init[0]);
  readonly delete: Call<'delete'> = (path, ...init) => this.#call('delete', path, init[0]);

  /** A list, page after page. `limit` in the query is the length of a page. */
  readonly pages: Pages = (path, ...init) => this.#pages(path, init[0]);

  /** Each call submits one job, however often it must be sent: the store knows a repetition by the key. */
  submitJob(job: NewJob, idempotencyKey: string = randomUUID()): Promise<Answer<'/api/v1/jobs', 'post'>> {
    return this.post('/api/v1/jobs', {
      params: { header: { 'Idempotency-Key': idempotencyKey } },
      body: job,
    });
  }

  /**
   * What happens to jobs, as it happens, without end; a connection that breaks is opened again where it was.
   * @param filter which jobs; an id for those of one job
   */
  events(filter: EventFilter | string = {}): AsyncGenerator<JobMessage> {
    const request =
      typeof filter === 'string'
        ? { path: `${jobPath(filter)}/events` }
        : { path: 'api/v1/events', query: { ...filter } };
    // What a store tells is trusted to be what its document says, like every answer of it.
    return streamEvents(this.connection, request) as AsyncGenerator<JobMessage>;
  }

  /** What a job writes, from the first byte of an attempt on, until it has ended. @param attempt all from the latest on when not given */
  followOutput(id: string, attempt?: number): AsyncGenerator<StreamMessage> {
    const query = { follow: 'true', attempt: attempt?.toString() };
    return streamEvents(this.connection, { path: `${jobPath(id)}/output`, query });
  }

  /**
   * The job when it has ended, however it did.
   * @throws WaitTimedOutError after `timeoutMs`; ProblemError when there is no such job, or it was deleted
   */
  waitFor(id: string, { timeoutMs }: WaitOptions = {}): Promise<Answer<'/api/v1/jobs/{id}', 'get'>> {
    if (timeoutMs === undefined) return this.#untilEnded(id);
    const tooLate = () => new WaitTimedOutError(`job ${id} has not ended within ${timeoutMs} ms`);
    return withDeadline(this.connection.signal, timeoutMs, tooLate, (signal) =>
      this.with({ signal }).#untilEnded(id),
    );
  }

  async #untilEnded(id: string): Promise<Answer<'/api/v1/jobs/{id}', 'get'>> {
    for await (const { event, data } of this.events(id)) {
      if (event === 'job' && data.change === 'state' && !hasEnded(data.state)) continue;
      // It begins to listen, or missed something, or has heard of the end: how is it now?
      const job = await this.get('/api/v1/jobs/{id}', { params: { path: { id } } });
      if (hasEnded(job.state)) return job;
    }
    throw new UnexpectedAnswerError(this.baseUrl, 'its events ended before the job');
  }

  async *#pages(path: string, init: unknown): AsyncGenerator<never> {
    const { params, ...rest } = (init ?? {}) as PlainInit;
    let query: Record<string, unknown> | undefined = params?.query ?? {};
    while (query !== undefined) {
      const { data, headers } = await this.#send('get', path, { ...rest, params: { ...params, query } });
      yield data as never;
      query = nextQuery(query, headers, data);
    }
  }

  /** What is a `never` here has the type that Call gives it. */
  async #call(method: Method, path: string, init: unknown): Promise<never> {
    return (await this.#send(method, path, init ?? {})).data as never;
  }

  async #send(method: Method, path: string, init: PlainInit): Promise<{ data: unknown; headers: Headers }> {
    const { repeatable = isRepeatable(method, init), ...rest } = init;
    const fetch = (request: Request) => exchange(this.connection, request, repeatable);
    try {
      const { data, response } = await this.#api.request(method, path as never, { ...rest, fetch } as never);
      return { data, headers: response.headers };
    } catch (error) {
      if (error instanceof SyntaxError) throw new UnexpectedAnswerError(this.baseUrl, 'it is not JSON');
      throw error;
    }
  }
}

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

function isRepeatable(method: Method, { params, headers }: PlainInit): boolean {
  const given = new Set(Object.keys({ ...headers, ...params?.header }).map((name) => name.toLowerCase()));
  // With a version the second of two requests would be refused because the first was done.
  return method === 'get' || (method === 'put' && !given.has('if-match')) || given.has('idempotency-key');
}

/** An id comes from a person: whatever they type, it stays one segment of the path. */
const jobPath = (id: string) => `api/v1/jobs/${encodeURIComponent(id)}`;
