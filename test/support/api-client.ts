/** The API as a test uses it: requests, and waiting for jobs to end. */
import { setTimeout as pause } from 'node:timers/promises';
import { DescribedApi } from './described-api.js';

export interface JobAnswer {
  readonly id: string;
  readonly name: string | null;
  readonly state: string;
  readonly attempt: number;
  readonly executor: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly createdAt: string;
  readonly runAt: string;
  readonly cancelRequestedAt: string | null;
  readonly result: unknown;
  readonly error: { readonly name: string; readonly message: string } | null;
  readonly attempts?: readonly {
    readonly attempt: number;
    readonly outcome: string;
    readonly executor: string | null;
  }[];
}

export interface Answer<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

export interface ProblemAnswer {
  readonly type: string;
  readonly status: number;
  readonly detail: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
}

const POLL_MS = 50;
const END_STATES = new Set(['succeeded', 'dead', 'cancelled', 'expired']);

/** Whatever a test asks for, the answer must be as the API's document says. */
const described = new DescribedApi();

export class ApiClient {
  #turn = 0;

  /**
   * @param urls of the stores; they are used in turn
   * @param apiKey sent with every request
   */
  constructor(
    private readonly urls: readonly string[],
    private readonly apiKey?: string,
  ) {}

  async request<Body>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer<Body>> {
    const url = this.urls[this.#turn++ % this.urls.length] ?? '';
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(this.apiKey === undefined ? {} : { authorization: `Bearer ${this.apiKey}` }),
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(15_000),
    });
    const text = await response.text();
    const contentType = response.headers.get('content-type');
    described.check({ method, path, status: response.status, contentType, text });
    return { status: response.status, headers: response.headers, body: JSON.parse(text) as Body };
  }

  async submit(job: Record<string, unknown>): Promise<JobAnswer> {
    const { status, body } = await this.request<JobAnswer>('POST', '/api/v1/jobs', job);
    if (status !== 201) throw new Error(`submission answered ${status}: ${JSON.stringify(body)}`);
    return body;
  }

  /** Submits many, a few at a time. */
  async submitAll(jobs: readonly Record<string, unknown>[], atOnce = 32): Promise<JobAnswer[]> {
    const submitted: JobAnswer[] = [];
    for (let from = 0; from < jobs.length; from += atOnce) {
      submitted.push(...(await Promise.all(jobs.slice(from, from + atOnce).map((job) => this.submit(job)))));
    }
    return submitted;
  }

  async get(id: string): Promise<JobAnswer> {
    return (await this.request<JobAnswer>('GET', `/api/v1/jobs/${id}`)).body;
  }

  async all(): Promise<JobAnswer[]> {
    const jobs: JobAnswer[] = [];
    let cursor: string | null = null;
    do {
      const path: string = `/api/v1/jobs?limit=200${cursor === null ? '' : `&cursor=${cursor}`}`;
      const { body } = await this.request<{ jobs: JobAnswer[]; nextCursor: string | null }>('GET', path);
      jobs.push(...body.jobs);
      cursor = body.nextCursor;
    } while (cursor !== null);
    return jobs;
  }

  /** Polls a job until it has reached one of the states (by default: has ended). @throws after `withinMs` */
  async waitFor(
    id: string,
    states: readonly string[] = [...END_STATES],
    withinMs = 20_000,
  ): Promise<JobAnswer> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const job = await this.get(id);
      if (states.includes(job.state)) return job;
      if (Date.now() > deadline) throw new Error(`job ${id} is still ${job.state} after ${withinMs} ms`);
      await pause(POLL_MS);
    }
  }

  /** Polls until every job there is has ended, and returns them. @throws after `withinMs` */
  async waitForAll(withinMs = 60_000): Promise<JobAnswer[]> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const jobs = await this.all();
      const waiting = jobs.filter(({ state }) => !END_STATES.has(state));
      if (waiting.length === 0) return jobs;
      if (Date.now() > deadline) {
        throw new Error(
          `${waiting.length} of ${jobs.length} jobs have not ended after ${withinMs} ms: ${waiting[0]?.state}`,
        );
      }
      await pause(POLL_MS * 4);
    }
  }
}
