/**
 * Live events through real stores: everybody hears everything, once, in the order of each job, also across a reconnect to
 * another store. EVENT_LISTENERS and EVENT_JOBS set the size; the full one is 200 and 10000.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withPostgres } from '#tools/sql.js';
import { ApiClient } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { EventSourceClient, type Message } from '../support/event-source.js';
import { eventually } from '../support/eventually.js';

const LISTENERS = Number(process.env['EVENT_LISTENERS'] ?? 20);
const JOBS = Number(process.env['EVENT_JOBS'] ?? 400);
const WITHIN_MS = 120_000 + JOBS * LISTENERS * 0.2;

let cluster: Cluster;
let stores: string[];
let api: ApiClient;

beforeAll(async () => {
  cluster = await startCluster({ stores: 2, schedulers: 1, executors: 1, env: { STORE_MAX_STREAMS: '250' } });
  stores = cluster.of('store').map(({ url }) => url);
  api = new ApiClient(stores);
});
afterAll(() => cluster?.stop());

interface Told {
  readonly jobId: string;
  readonly change: string;
  readonly state: string;
  readonly attempt: number;
  readonly delivery: number;
}

/** A step of a job as a number, and steps folded into one number, so that millions of them can be compared. */
function codeOf({ change, state, attempt, delivery }: Told): number {
  const text = `${change} ${state} ${attempt} ${delivery}`;
  let hash = 7;
  for (let n = 0; n < text.length; n += 1) hash = (hash * 31 + text.charCodeAt(n)) >>> 0;
  return hash;
}
const fold = (before: number, told: Told) => (Math.imul(before, 1_000_003) + codeOf(told)) >>> 0;

/** Hears everything and keeps, for each job, what it has heard in order. */
class Ear {
  readonly heard = new Map<string, number>();
  count = 0;
  gaps = 0;
  isListening = false;
  reconnects = 0;
  readonly client: EventSourceClient;

  constructor(
    private readonly number: number,
    private readonly reconnectAt: number,
  ) {
    this.client = new EventSourceClient((message) => this.#hear(message));
    this.client.onCut = () => void this.#openAgain();
  }

  /** Every second one listens at the other store, and goes on at the other one. */
  open(): Promise<void> {
    return this.client.open(`${stores[(this.number + this.reconnects) % stores.length]}/api/v1/events`);
  }

  #hear({ event, data }: Message): void {
    if (event === 'listening') this.isListening = true;
    if (event === 'gap') this.gaps += 1;
    if (event !== 'job') return;
    const told = data as Told;
    this.count += 1;
    this.heard.set(told.jobId, fold(this.heard.get(told.jobId) ?? 0, told));
    if (this.count === this.reconnectAt) {
      // In the midst of everything: what is under way is lost.
      this.client.close();
      setImmediate(() => void this.#openAgain());
    }
  }

  async #openAgain(): Promise<void> {
    this.reconnects += 1;
    await this.open().catch(() => setTimeout(() => void this.#openAgain(), 100));
  }
}

test(
  `${LISTENERS} listeners over two stores hear every event of ${JOBS} jobs, in order per job, across a reconnect`,
  { timeout: WITHIN_MS * 2 },
  async () => {
    const ears = Array.from(
      { length: LISTENERS },
      (_, n) => new Ear(n, 1 + Math.floor((JOBS * 4 * (n + 1)) / (LISTENERS + 2))),
    );
    await Promise.all(ears.map((ear) => ear.open()));
    await eventually(() => ears.every(({ isListening }) => isListening), { within: 30_000 });

    const batch = 1000;
    for (let from = 0; from < JOBS; from += batch) {
      const jobs = Array.from({ length: Math.min(batch, JOBS - from) }, (_, n) => ({
        type: 'print',
        payload: { text: `${from + n}` },
      }));
      expect((await api.request('POST', '/api/v1/jobs/batch', { jobs })).status).toBeLessThan(300);
    }
    const truth = await eventually<readonly Told[] | false>(
      () =>
        withPostgres(cluster.databaseUrl, async (client) => {
          const open = await client.query(`SELECT 1 FROM jobs WHERE state <> 'succeeded' LIMIT 1`);
          if (open.rowCount !== 0) return false;
          const { rows } = await client.query<Told>(
            `SELECT job_id AS "jobId", change, state, attempt, delivery FROM job_events ORDER BY seq`,
          );
          return rows;
        }),
      { within: WITHIN_MS },
    );
    if (truth === false) throw new Error('the jobs have not ended');
    const expected = new Map<string, number>();
    for (const told of truth) expected.set(told.jobId, fold(expected.get(told.jobId) ?? 0, told));
    expect(expected.size).toBe(JOBS);
    expect(truth.length).toBeGreaterThanOrEqual(JOBS * 4);

    await eventually(() => ears.every(({ count }) => count >= truth.length), { within: WITHIN_MS });
    for (const ear of ears) {
      expect(ear).toMatchObject({ count: truth.length, gaps: 0 });
      expect(ear.reconnects).toBeGreaterThan(0);
      expect(ear.heard).toEqual(expected);
      ear.client.close();
    }
  },
);

/** Collects what a stream tells; `listening` has been told when it resolves. */
async function listen(
  path: string,
  store = 0,
  lastEventId = '',
): Promise<{ told: Message[]; client: EventSourceClient }> {
  const told: Message[] = [];
  const client = new EventSourceClient((message) => told.push(message));
  client.lastEventId = lastEventId;
  await client.open(`${stores[store]}${path}`);
  if (client.status === 200) await eventually(() => told.length > 0);
  return { told, client };
}
const states = (told: readonly Message[]) =>
  told.filter(({ event }) => event === 'job').map(({ data }) => (data as Told).state);

test('a listener hears what it asked for: queues, types, states', async () => {
  const { told, client } = await listen('/api/v1/events?queue=heard,other&type=print&state=queued,succeeded');
  await api.waitFor((await api.submit({ type: 'print', payload: { text: 'x' }, queue: 'unheard' })).id);
  const { id } = await api.submit({ type: 'print', payload: { text: 'x' }, queue: 'heard' });
  await eventually(() => states(told).length === 2);
  expect(states(told)).toEqual(['queued', 'succeeded']);
  expect(told.at(-1)?.data).toMatchObject({
    jobId: id,
    type: 'print',
    queue: 'heard',
    change: 'state',
    attempt: 1,
  });
  client.close();
});

test('the events of one job begin with how it is, and go on to its end', async () => {
  const { id } = await api.submit({ type: 'print', payload: { text: 'x' }, delay: '400ms' });
  const { told, client } = await listen(`/api/v1/jobs/${id}/events`, 1);
  expect(told[0]).toMatchObject({
    event: 'listening',
    data: { resumed: false, job: { jobId: id, state: 'scheduled' } },
  });
  await eventually(() => states(told).includes('succeeded'));
  expect(states(told)).toEqual(['queued', 'running', 'succeeded']);
  client.close();
});

test('a stream has the headers that keep proxies from holding it back, and a HEAD request does not hang', async () => {
  const { client } = await listen('/api/v1/events');
  expect(client.headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  });
  client.close();
  const head = await fetch(`${stores[0]}/api/v1/events`, {
    method: 'HEAD',
    signal: AbortSignal.timeout(5000),
  });
  expect(head.status).toBe(200);
});

test('what cannot be gone on from is told as a gap, with what to do, and the stream goes on', async () => {
  const first = await listen('/api/v1/events');
  const current = first.client.lastEventId;
  first.client.close();
  const [generation = '', ...rest] = current.split('-');
  const foreign = [(Number.parseInt(generation, 36) - 1).toString(36), ...rest].join('-');
  const { told, client } = await listen('/api/v1/events', 1, foreign);
  await eventually(() => told.some(({ event }) => event === 'gap'));
  expect(told.find(({ event }) => event === 'gap')?.data).toMatchObject({
    reason: 'not-recorded',
    detail: expect.stringContaining('GET /api/v1/jobs') as string,
  });
  await api.submit({ type: 'print', payload: { text: 'x' } });
  await eventually(() => states(told).includes('succeeded'));
  client.close();

  await withPostgres(cluster.databaseUrl, (admin) =>
    admin.query(`UPDATE event_demand SET pruned_below = 9000000000000`),
  );
  const old = await listen('/api/v1/events', 1, current);
  await eventually(() =>
    old.told.some(({ event, data }) => event === 'gap' && (data as { reason: string }).reason === 'too-old'),
  );
  old.client.close();
  await withPostgres(cluster.databaseUrl, (admin) => admin.query(`UPDATE event_demand SET pruned_below = 0`));
});

test('a recording that is interrupted under a listener is told as a gap', async () => {
  const { told, client } = await listen('/api/v1/events');
  await withPostgres(cluster.databaseUrl, (admin) => admin.query(`TRUNCATE event_demand, job_events`));
  await eventually(() => told.some(({ event }) => event === 'gap'));
  await api.submit({ type: 'print', payload: { text: 'x' } });
  await eventually(() => states(told).includes('succeeded'));
  client.close();
});

test.each([
  '/api/v1/events?queue=%20',
  '/api/v1/events?state=done',
  '/api/v1/events?colour=red',
  '/api/v1/jobs/x/events',
])('a wrong question is a 400 that names what is wrong: %s', async (path) => {
  const { client } = await listen(path);
  expect(client.status).toBe(400);
});

test('an id that is none of ours is a 400, a job that does not exist a 404', async () => {
  expect((await listen('/api/v1/events', 0, 'nonsense')).client.status).toBe(400);
  expect((await listen('/api/v1/jobs/00000000-0000-7000-8000-000000000000/events')).client.status).toBe(404);
});

test('a client that stops reading costs no memory, and misses nothing when it reads on', async () => {
  const { told, client } = await listen('/api/v1/events?type=print&state=succeeded');
  client.pause();
  const jobs = Array.from({ length: 1000 }, (_, n) => ({ type: 'print', payload: { text: `${n}` } }));
  for (let n = 0; n < 3; n += 1) await api.request('POST', '/api/v1/jobs/batch', { jobs });
  await api.waitForAll();
  client.resume();
  await eventually(() => states(told).length >= 3000, { within: 20_000 });
  expect(new Set(told.map(({ id }) => id)).size).toBe(told.length);
  expect(states(told)).toHaveLength(3000);
  client.close();
});

test('a store has no more streams than it may, and says so with a 503 and when to come back', async () => {
  const all = await Promise.all(Array.from({ length: 251 }, () => listen('/api/v1/events')));
  const refused = all.filter(({ client }) => client.status !== 200);
  expect(refused.map(({ client }) => client.status)).toEqual([503]);
  expect(refused[0]?.client.headers['retry-after']).toBe('1');
  for (const { client } of all) client.close();
  await eventually(async () => (await listen('/api/v1/events')).client.status === 200);
});

test('a store that is told to end ends its streams in order, and a client goes on at another one', async () => {
  const { told, client } = await listen('/api/v1/events', 1);
  const [, second] = cluster.of('store');
  const startedAt = performance.now();
  await second?.terminate();
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(client.isOpen).toBe(false);
  const { id } = await new ApiClient([stores[0] ?? '']).submit({ type: 'print', payload: { text: 'x' } });
  await client.open(`${stores[0]}/api/v1/events`);
  await eventually(() => told.some(({ event, data }) => event === 'job' && (data as Told).jobId === id));
  expect(told.some(({ event }) => event === 'gap')).toBe(false);
  client.close();
});
