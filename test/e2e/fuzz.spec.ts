/**
 * Random requests for every operation of openapi.json, made from its schemas with a fixed seed: valid, nearly valid and wild.
 * Whatever comes in, no answer is a 5xx (but a 503 now and then, after which a client tries again) or other than documented,
 * the store neither dies nor grows, and everything that was stored can be read and listed. FUZZ_REQUESTS says how many (100000
 * is the full size), FUZZ_SEED which.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiClient, type Answer } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { DescribedApi } from '../support/described-api.js';
import {
  fuzz,
  FUZZ_SETTINGS,
  MOST_GROWTH_MB,
  MOST_TRIED_AGAIN,
  Patience,
  REQUESTS,
  storeLog,
  tell,
} from '../support/fuzzing.js';
import {
  learn,
  requestsFor,
  strayRequests,
  WORKER_TYPE,
  type FuzzedRequest,
} from '../support/request-arbitrary.js';
import { Pool } from '../support/schema-arbitrary.js';

/** Without one, the first key that is made at random would close the API to everybody else. */
const KEY = 'the-key-of-these-tests-and-no-other';
const READ_EACH = 300;
/** Faults after which no more are looked for. */
const ENOUGH = 20;
/** On a busy machine it may be bad for a moment, and that is what these are there to say. */
const TELLS_HEALTH = /^\/health(\/ready)?(\?|$)/;

const described = new DescribedApi();
const pool = new Pool();
let cluster: Cluster;
let api: ApiClient;

beforeAll(async () => {
  cluster = await startCluster({ env: { ...FUZZ_SETTINGS, STORE_BOOTSTRAP_KEY: KEY } });
  api = new ApiClient([cluster.url], KEY);
  await api.request('PUT', `/api/v1/types/${WORKER_TYPE}`, {});
});

afterAll(() => cluster?.stop());

const requests = fc.oneof(
  { weight: 8, arbitrary: strayRequests },
  ...described.operations.map((operation) => ({
    weight: operation.method === 'GET' ? 1 : 3,
    arbitrary: requestsFor(operation, described.document),
  })),
);

/** Sends it, and holds the answer against the document. @returns the status */
async function send({ method, path, headers, body }: FuzzedRequest): Promise<number> {
  const asJson = (text: string) => JSON.stringify(text).slice(1, -1);
  const filled = pool.fill(path, encodeURIComponent);
  const stop = new AbortController();
  const response = await fetch(`${cluster.url}${filled}`, {
    method,
    headers: {
      authorization: `Bearer ${KEY}`,
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, pool.fill(value)])),
    },
    ...(body === undefined ? {} : { body: pool.fill(body, asJson) }),
    signal: AbortSignal.any([stop.signal, AbortSignal.timeout(30_000)]),
  });
  const contentType = response.headers.get('content-type');
  const isStream = contentType?.startsWith('text/event-stream') === true;
  const text = isStream ? '' : await response.text();
  stop.abort();
  // Slow it may be on a busy machine, but it is there.
  if (response.status === 503 && text.includes('The database cannot be reached')) throw new Error(text);
  if (method !== 'HEAD')
    described.check({ method, path: filled, status: response.status, contentType, text });
  const etag = response.headers.get('etag');
  if (etag !== null) pool.add('etag', etag);
  if (contentType?.includes('application/json') === true && text !== '')
    learn(pool, filled, JSON.parse(text));
  return response.status;
}

test(`random requests are answered as documented and never by a 5xx, and leave a store that works`, async () => {
  const wrong: { what: unknown; request: FuzzedRequest }[] = [];
  const statuses = new Map<number, number>();
  const patience = new Patience();
  const { middleMb, lastMb } = await fuzz(requests, cluster, async (request) => {
    if (wrong.length >= ENOUGH) return;
    try {
      const status = await patience.make(
        () => send(request),
        (answered) => answered === 503 && !TELLS_HEALTH.test(request.path),
      );
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status >= 500 && !TELLS_HEALTH.test(request.path)) wrong.push({ what: status, request });
    } catch (error) {
      // Of a connection that broke, the cause says how.
      const what = error instanceof Error && error.cause !== undefined ? error.cause : error;
      wrong.push({ what: String(what), request });
    }
  });
  tell({ middleMb, lastMb, triedAgain: patience.triedAgain });
  expect(wrong.slice(0, 5)).toEqual([]);
  // Neither is everything refused, nor everything accepted.
  for (const status of [200, 201, 400, 404, 409, 422])
    expect([status, (statuses.get(status) ?? 0) > REQUESTS / 200]).toEqual([status, true]);
  expect(lastMb - middleMb).toBeLessThan(MOST_GROWTH_MB);
  expect(patience.triedAgain).toBeLessThanOrEqual(MOST_TRIED_AGAIN);
  expect((await api.request('GET', '/health/live')).status).toBe(200);
  expect(await storeLog(cluster)).not.toMatch(/unhandled|uncaught|request failed/);
}, 3_600_000);

interface Listed {
  readonly id: string;
  readonly name: string;
}

/** Every page of a list. */
async function list(path: string, items: string): Promise<Listed[]> {
  const found: Listed[] = [];
  for (let rest: string | undefined = ''; rest !== undefined;) {
    const answer: Answer<Record<string, unknown>> = await api.request('GET', `${path}?limit=200${rest}`);
    expect([path, answer.status]).toEqual([path, 200]);
    found.push(...(answer.body[items] as Listed[]));
    const { nextCursor, nextAfter } = answer.body;
    if (typeof nextCursor === 'string') rest = `&cursor=${nextCursor}`;
    else rest = typeof nextAfter === 'string' ? `&after=${nextAfter}` : undefined;
  }
  return found;
}

test('whatever was stored can be listed and read', async () => {
  const jobs = await list('/api/v1/jobs', 'jobs');
  await list('/api/v1/dead-letters', 'jobs');
  const workflows = await list('/api/v1/workflows', 'workflows');
  const schedules = await list('/api/v1/schedules', 'schedules');
  const queues = await list('/api/v1/queues', 'queues');
  expect([jobs, workflows, schedules, queues].map(({ length }) => length > 0)).toEqual([
    true,
    true,
    true,
    true,
  ]);
  const paths = [
    '/api/v1/types',
    '/api/v1/cluster',
    '/tasks',
    '/queue/stats',
    ...jobs
      .slice(0, READ_EACH)
      .flatMap(({ id }) => [`/api/v1/jobs/${id}`, `/api/v1/jobs/${id}/why`, `/tasks/${id}`]),
    ...workflows.slice(0, READ_EACH).map(({ id }) => `/api/v1/workflows/${id}`),
    ...schedules.flatMap(({ name }) => [
      `/api/v1/schedules/${name}`,
      `/api/v1/schedules/${name}/occurrences`,
    ]),
    ...queues.map(({ name }) => `/api/v1/queues/${name}`),
  ];
  for (const path of paths) expect([path, (await api.request('GET', path)).status]).toEqual([path, 200]);
});
