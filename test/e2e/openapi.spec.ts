/**
 * The API answers as its document says. Every operation is called with its own example, and with what it must refuse;
 * ApiClient holds the answers of all other tests against the document too.
 */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiClient, type JobAnswer } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { DescribedApi, type Described } from '../support/described-api.js';
import { uniqueName } from '../support/environment.js';
import { eventually } from '../support/eventually.js';
import { makeKey } from '../support/keys.js';

type Values = Readonly<Record<string, string>>;

const described = new DescribedApi();
const KEY = 'the-key-of-these-tests-and-no-other';
const UNKNOWN_ID = '0198f2a4-0000-7000-8000-000000000000';

let cluster: Cluster;
let api: ApiClient;

beforeAll(async () => {
  // With a key from the start: an example makes another one, which would end open access.
  cluster = await startCluster({ env: { STORE_BOOTSTRAP_KEY: KEY } });
  api = new ApiClient([cluster.url], KEY);
});
const holders: pg.Client[] = [];
afterAll(async () => {
  await Promise.all(holders.map((holder) => holder.end()));
  await cluster?.stop();
});

const later = () => api.submit({ type: 'print', payload: { text: 'x' }, delay: '1h' });
const dead = () => {
  const failing = { type: 'command', payload: { command: 'exit 7' }, maxAttempts: 1 };
  return api.submit(failing).then(({ id }) => api.waitFor(id, ['dead']));
};
const job = async (of: Promise<JobAnswer>): Promise<Values> => ({ id: (await of).id });
async function queue(): Promise<Values> {
  const name = uniqueName('queue');
  await api.request('PUT', `/api/v1/queues/${name}`, {});
  return { name };
}

async function schedule(): Promise<Values> {
  const name = uniqueName('schedule');
  const definition = { name, cron: '@yearly', job: { type: 'print', payload: { text: 'x' } } };
  expect((await api.request('POST', '/api/v1/schedules', definition)).status).toBe(201);
  return { name };
}

/** One that waits; once it is cancelled it can be retried. */
async function workflow(cancelled: boolean, length = 1): Promise<Values> {
  const jobs = Array.from({ length }, () => ({ type: 'print', payload: { text: 'x' }, delay: '1h' }));
  const { status, body } = await api.request<{ id: string }>('POST', '/api/v1/workflows', { jobs });
  expect(status).toBe(201);
  if (cancelled) await api.request('POST', `/api/v1/workflows/${body.id}/cancel`);
  return { id: body.id };
}
/** One that is over, or one that cannot end by itself: somebody holds its only job. */
async function operation(state: 'running' | 'cancelled'): Promise<Values> {
  const { id: jobId } = await later();
  const holder = new pg.Client({ connectionString: cluster.databaseUrl });
  holders.push(holder);
  // Postgres ends it when it has held for long; by then the answer that it is for has come.
  holder.on('error', () => undefined);
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE', [jobId]);
  const request = { action: 'cancel', filter: { q: `id:${jobId}` } };
  const { body } = await api.request<{ id: string }>('POST', '/api/v1/bulk', request);
  if (state === 'cancelled') await api.request('POST', `/api/v1/bulk/${body.id}/cancel`);
  return { id: body.id };
}

/** A job that a worker has leased; the examples have another one's id and token. */
async function leased(): Promise<Values> {
  const type = uniqueName('type');
  await api.request('PUT', `/api/v1/types/${type}`, {});
  const { id } = await api.submit({ type });
  const { body } = await api.request<{ leases: { leaseToken: string }[] }>('POST', '/api/v1/leases', {
    types: [type],
    wait: '5s',
    worker: 'w',
  });
  return { id, leaseToken: body.leases[0]?.leaseToken ?? '' };
}
async function type(): Promise<Values> {
  const name = uniqueName('type');
  await api.request('PUT', `/api/v1/types/${name}`, {});
  return { name };
}

/** What the path of an operation needs, when it is more than a schedule, or a job or workflow that waits. */
const PREPARED: Readonly<Record<string, () => Promise<Values>>> = {
  getCommandStatus: async () => {
    const { id } = await api.submit({ type: 'command', payload: { command: 'true' }, delay: '1h' });
    return { task_id: id };
  },
  getTask: () => job(later()),
  getJobOutput: () => job(dead()),
  redriveJob: () => job(dead()),
  revokeKey: async () => ({ id: (await makeKey(api, ['read'])).id }),
  retryWorkflow: () => workflow(true),
  leaseJobs: async () => {
    await api.request('PUT', '/api/v1/types/word-count', {});
    return {};
  },
  getBulkOperation: () => operation('cancelled'),
  cancelBulkOperation: () => operation('running'),
  leaseBatch: leased,
  confirmCancel: async () => {
    const values = await leased();
    await api.request('POST', `/api/v1/jobs/${values['id']}/cancel`);
    return values;
  },
};

/** Routes whose clients know other statuses: for what is no id, and for a body without the field that it needs. */
const OTHER_STATUS: Readonly<Record<string, number>> = { getTask: 404, createTask: 400 };

/** An example's body with the id and the token of what has been prepared, where it needs one. */
function withPrepared(body: string, { id, leaseToken }: Values): string {
  if (leaseToken === undefined || id === undefined) return body;
  return body
    .replaceAll(/"leaseToken":"[^"]*"/g, `"leaseToken":"${leaseToken}"`)
    .replaceAll(/"jobId":"[^"]*"/g, `"jobId":"${id}"`);
}

function prepare(operation: Described): Promise<Values> {
  const prepared = PREPARED[operation.id];
  if (prepared !== undefined) return prepared();
  if (operation.path.includes('/jobs/{id}')) return job(later());
  if (operation.path.includes('/workflows/{id}')) return workflow(false);
  if (operation.path.includes('/leases/{id}')) return leased();
  if (operation.path.includes('/types/{name}')) return type();
  if (operation.path.includes('/queues/{name}')) return queue();
  if (operation.path.includes('/schedules/{name}')) return schedule();
  if (!operation.path.includes('{')) return Promise.resolve({});
  throw new Error(`PREPARED says nothing of ${operation.id}, whose path has parameters`);
}

interface Sent {
  readonly values: Values;
  readonly query?: string;
  readonly contentType?: string | undefined;
  readonly body?: string | undefined;
}

async function thrice(make: () => Promise<unknown>): Promise<Values> {
  for (let n = 0; n < 3; n += 1) await make();
  return {};
}

/** What puts three things into each list, and gives what its path needs. */
const FILLED: Readonly<Record<string, () => Promise<Values>>> = {
  listJobs: () => thrice(later),
  listDeadLetters: () => thrice(dead),
  listBulkOperations: () => thrice(() => operation('cancelled')),
  listWorkflows: () => thrice(() => workflow(false)),
  getWorkflow: () => workflow(false, 3),
  listSchedules: () => thrice(schedule),
  listOccurrences: async () => {
    const { name = '' } = await schedule();
    await thrice(() => api.request('POST', `/api/v1/schedules/${name}/run`));
    return { name };
  },
  listQueues: () => thrice(queue),
  listKeys: () => thrice(() => makeKey(api, ['read'])),
  listAudit: () => thrice(queue),
};

/** Sends a request and holds the answer against the document; returns the status. */
async function send(
  { method, path }: Described,
  { values, query = '', contentType, body }: Sent,
): Promise<number> {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
    encodeURIComponent(values[name] ?? ''),
  );
  const stop = new AbortController();
  const response = await fetch(`${cluster.url}${filled}${query}`, {
    method,
    headers: {
      authorization: `Bearer ${KEY}`,
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
    },
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.any([stop.signal, AbortSignal.timeout(20_000)]),
  });
  const type = response.headers.get('content-type');
  // A stream of events has no end.
  const text = type?.startsWith('text/event-stream') === true ? '' : await response.text();
  stop.abort();
  described.check({ method, path: filled, status: response.status, contentType: type, text });
  return response.status;
}

function exampleQuery({ parameters }: Described, values: Values = {}): string {
  const pairs = parameters
    .filter(({ in: place, example }) => place === 'query' && example !== undefined)
    .map(({ name, example }) => `${name}=${encodeURIComponent(values[name] ?? String(example))}`);
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

const mediaTypesOf = ({ bodies }: Described) => {
  const types = Object.keys(bodies);
  return types.length === 0 ? [undefined] : types;
};

describe('called with its own example,', () => {
  test.each(described.operations.map((operation) => [operation.id, operation] as const))(
    '%s succeeds, and answers as documented',
    async (_id, operation) => {
      for (const contentType of mediaTypesOf(operation)) {
        const example = contentType === undefined ? undefined : operation.bodies[contentType]?.example;
        const body = typeof example === 'string' || example === undefined ? example : JSON.stringify(example);
        const values = await prepare(operation);
        const sent = body === undefined ? undefined : withPrepared(body, values);
        const status = await send(operation, {
          values,
          query: exampleQuery(operation, values),
          contentType,
          body: sent,
        });
        expect([contentType, status < 300]).toEqual([contentType, true]);
      }
    },
  );
});

describe('refuses as documented:', () => {
  const withPath = described.operations.filter(({ path }) => path.includes('{'));
  const withBody = described.operations.filter(({ bodies }) => bodies['application/json'] !== undefined);
  const withQuery = described.operations.filter(({ parameters }) =>
    parameters.some(({ in: place }) => place === 'query'),
  );
  const named = (operations: readonly Described[]) =>
    operations.map((operation) => [operation.id, operation] as const);
  const json = 'application/json';
  const exampleBody = (operation: Described) => ({
    ...(operation.bodies[json] && {
      contentType: json,
      body: JSON.stringify(operation.bodies[json].example),
    }),
  });

  test.each(named(withPath))(
    '%s of something that is not there, or of what is no name',
    async (_id, operation) => {
      const unknown = { id: UNKNOWN_ID, name: 'unknown' };
      if (operation.answers['404'] !== undefined)
        expect(await send(operation, { values: unknown, ...exampleBody(operation) })).toBe(404);
      const impossible = { id: '!', name: '!' };
      expect(await send(operation, { values: impossible, ...exampleBody(operation) })).toBe(
        OTHER_STATUS[operation.id] ?? 400,
      );
    },
  );

  test.each(named(withBody))(
    '%s with fields, a media type or a text that it does not take',
    async (_id, operation) => {
      const values = await prepare(operation);
      const unknownField = JSON.stringify({ noSuchField: 1 });
      // A patch is refused for what it makes of the schedule, which is the same to a client.
      expect(await send(operation, { values, contentType: json, body: unknownField })).toBe(
        OTHER_STATUS[operation.id] ?? 422,
      );
      expect(await send(operation, { values, contentType: json, body: '{' })).toBe(400);
      expect(await send(operation, { values, contentType: 'text/plain', body: 'x' })).toBe(415);
    },
  );

  test.each(named(withQuery))('%s with a query that it does not know', async (_id, operation) => {
    const values = await prepare(operation);
    expect(await send(operation, { values, query: '?noSuchField=1', ...exampleBody(operation) })).toBe(400);
  });
});

describe('the header Link leads through every list, to each thing once:', () => {
  const positions = new Set(['cursor', 'after', 'before']);
  const lists = described.operations.filter(
    ({ method, parameters }) => method === 'GET' && parameters.some(({ name }) => positions.has(name)),
  );
  /** What tells its items apart, and where the next page is. */
  async function page(path: string): Promise<{ items: string[]; next: string | undefined }> {
    const { headers, body } = await api.request<Record<string, unknown>>('GET', path);
    const listed = Object.values(body).find(Array.isArray) as Record<string, string>[];
    const next = /^<(.*)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
    return { items: listed.map(({ id, name, dueAt }) => id ?? name ?? dueAt ?? ''), next };
  }

  test.each(lists.map((list) => [list.id, list] as const))('%s', async (id, { path }) => {
    const fill = FILLED[id];
    if (fill === undefined) throw new Error(`FILLED says nothing of ${id}`);
    const values = await fill();
    const filled = path.replace(/\{(\w+)\}/, (_all, name: string) => values[name] ?? '');
    // Entries of the audit log appear a moment later.
    const known = await eventually(async () => {
      const { items } = await page(`${filled}?limit=200`);
      expect(items.length).toBeGreaterThan(2);
      return items;
    });
    const walked: string[] = [];
    for (let next: string | undefined = `${filled}?limit=2`; next !== undefined;) {
      const { items, next: then } = await page(next);
      walked.push(...items);
      next = then;
    }
    // What came since is on none of the pages that were known, or before them.
    expect(walked.filter((item) => known.includes(item))).toEqual(known);
  });
});

test('the store serves the document that is committed', async () => {
  const { body } = await api.request('GET', '/openapi.json');
  expect(new DescribedApi(body).operations).toEqual(described.operations);
});
