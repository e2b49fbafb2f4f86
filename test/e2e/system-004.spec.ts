/**
 * The store, scheduler and executor services, used as their document says: its settings, creating jobs, updating their status
 * from outside, monitoring scheduled and executed ones, and what ZooKeeper and Redis show of it all.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ZookeeperSession } from '#common/coordination/zookeeper-session.js';
import { createLogger } from '#common/logging/logger.js';
import { ApiClient, type JobAnswer, type ProblemAnswer } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { testServers, uniqueName } from '../support/environment.js';
import { eventually } from '../support/eventually.js';

interface Lease {
  readonly leaseToken: string;
  readonly job: JobAnswer;
}

interface Illegal extends ProblemAnswer {
  readonly errors?: readonly {
    readonly field: string;
    readonly message: string;
    readonly allowed?: string[];
  }[];
}

/** Of each of the two executors. */
const SLOTS = 2;
/** Jobs that fill the slots until a file is there. Nothing is known of their type, so each travels alone. */
const PATIENT = `import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
export default {
  type: 'patient',
  payload: { type: 'object', properties: { file: { type: 'string' } }, required: ['file'] },
  run: async ({ file }) => {
    while (!existsSync(file)) await setTimeout(50);
  },
};`;

let cluster: Cluster;
let api: ApiClient;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'triumvir-trio-'));
  await writeFile(join(folder, 'patient.handler.mjs'), PATIENT);
  const { hostname, port, password } = new URL(testServers().redisUrl);
  cluster = await startCluster({
    stores: 2,
    schedulers: 2,
    executors: 2,
    // The settings of the document, by their names there and in their form.
    rewriteUrl: (url) => url.searchParams.set('schema', 'public'),
    env: {
      REDIS_HOST: hostname,
      REDIS_PORT: port,
      REDIS_PASSWORD: password,
      NODE_ENV: 'development',
      LOG_LEVEL: 'info',
      STORE_SERVICE_URL: 'http://localhost:3000',
      EXECUTOR_SLOTS: String(SLOTS),
      EXECUTOR_HANDLERS: folder,
    },
    without: ['REDIS_URL'],
  });
  api = new ApiClient(cluster.of('store').map(({ url }) => url));
});
afterAll(async () => {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

const list = async (query: string) =>
  (await api.request<{ jobs: JobAnswer[] }>('GET', `/api/v1/jobs?${query}`)).body.jobs.map(({ id }) => id);

test('a job is created, is scheduled until it is due, and is seen among the executed ones when it has run', async () => {
  const queue = uniqueName('queue');
  const later = await api.submit({ type: 'print', payload: { text: 'x' }, queue, delay: '1h' });
  const now = await api.submit({ type: 'command', payload: { command: 'echo done' }, queue });
  expect(await api.waitFor(now.id)).toMatchObject({ state: 'succeeded', attempt: 1 });
  expect(await list(`queue=${queue}&state=scheduled`)).toEqual([later.id]);
  expect(await list(`queue=${queue}&state=succeeded,dead`)).toEqual([now.id]);
  expect(await list(`queue=${queue}`)).toEqual([now.id, later.id]);
});

describe('a program outside updates the status of a job:', () => {
  let type: string;

  async function leased(): Promise<Lease> {
    await api.submit({ type, retry: { strategy: 'fixed', delay: 0 } });
    return leaseAgain();
  }
  async function leaseAgain(): Promise<Lease> {
    const { body } = await api.request<{ leases: Lease[] }>('POST', '/api/v1/leases', {
      types: [type],
      worker: 'outside',
      wait: '10s',
    });
    return body.leases[0] as Lease;
  }
  const update = ({ job, leaseToken }: Lease, status: string, rest: object = {}) =>
    api.request<Illegal & { state: string }>('POST', `/api/v1/leases/${job.id}/${status}`, {
      leaseToken,
      ...rest,
    });
  const state = async ({ job }: Lease) => (await api.get(job.id)).state;

  beforeAll(async () => {
    type = uniqueName('type');
    for (const { url } of cluster.of('store'))
      await new ApiClient([url]).request('PUT', `/api/v1/types/${type}`, {});
  });

  const error = { message: 'it broke' };

  test('from scheduled to running to succeeded', async () => {
    const job = await leased();
    expect(job.job.state).toBe('running');
    expect((await update(job, 'complete', { result: 42 })).body.state).toBe('succeeded');
    expect(await api.get(job.job.id)).toMatchObject({ state: 'succeeded', result: 42 });
  });

  test('from running back to scheduled, and then to dead', async () => {
    const job = await leased();
    expect((await update(job, 'fail', { error })).body.state).toBe('scheduled');
    const again = await leaseAgain();
    expect(again.job).toMatchObject({ id: job.job.id, attempt: 2 });
    expect((await update(again, 'fail', { error, final: true })).body.state).toBe('dead');
    expect(await state(job)).toBe('dead');
  });

  test('from running to cancelled, once somebody has asked for that', async () => {
    const job = await leased();
    const unasked = await update(job, 'cancelled');
    expect(unasked.status).toBe(409);
    expect(unasked.body.errors?.[0]).toMatchObject({
      field: 'state',
      allowed: ['succeeded', 'scheduled', 'dead', 'cancelled', 'blocked'],
    });
    await api.request('POST', `/api/v1/jobs/${job.job.id}/cancel`);
    expect((await update(job, 'cancelled')).body.state).toBe('cancelled');
  });

  test.each<[string, string, readonly string[], (job: Lease) => Promise<unknown>]>([
    ['succeeded', 'is succeeded; nothing can follow', [], (job) => update(job, 'complete')],
    [
      'dead',
      'is dead; only scheduled can follow',
      ['scheduled'],
      (job) => update(job, 'fail', { error, final: true }),
    ],
    [
      'scheduled',
      'is scheduled; only queued, running, cancelled, expired can follow',
      ['queued', 'running', 'cancelled', 'expired'],
      (job) => update(job, 'snooze', { delay: '1h' }),
    ],
  ])(
    'an illegal one, of a job that is %s, is a 409 that says which are legal, and changes nothing',
    async (now, message, allowed, bring) => {
      const job = await leased();
      await bring(job);
      for (const [status, rest] of [
        ['heartbeat', {}],
        ['fail', { error }],
        ['snooze', { delay: 0 }],
        ['release', {}],
        ['cancelled', {}],
      ] as const) {
        const refused = await update(job, status, rest);
        expect([status, refused.status, refused.body.errors]).toEqual([
          status,
          409,
          [{ field: 'state', message, allowed: [...allowed] }],
        ]);
      }
      expect(await state(job)).toBe(now);
    },
  );

  test('a cancel of what has ended, and another try of what is not dead, say so as well', async () => {
    const job = await leased();
    await update(job, 'complete');
    for (const path of ['cancel', 'redrive']) {
      const refused = await api.request<Illegal>('POST', `/api/v1/jobs/${job.job.id}/${path}`);
      expect([path, refused.status, refused.body.errors]).toEqual([
        path,
        409,
        [{ field: 'state', message: 'is succeeded; nothing can follow', allowed: [] }],
      ]);
    }
  });
});

test('ZooKeeper shows the candidates as ephemeral sequential nodes, and the first of them leads', async () => {
  const log = createLogger({ service: 'test', instance: 'test', level: 'error', format: 'json' });
  const session = new ZookeeperSession({ servers: testServers().zookeeperHost, sessionTimeoutMs: 4000, log });
  session.open();
  await eventually(() => session.connected);
  const shard = `${cluster.env['ZOOKEEPER_ROOT']}/scheduler/shard-0`;
  const nodes = await session.children(shard);
  expect(nodes).toHaveLength(2);
  for (const node of nodes) expect(node).toMatch(/^candidate-.+-\d{10}$/);
  const [first = ''] = nodes.toSorted((a, b) => a.slice(-10).localeCompare(b.slice(-10)));
  const { content } = await session.get(`${shard}/${first}`);
  const { body } = await api.request<{ elections: { election: string; leader: { id: string } | null }[] }>(
    'GET',
    '/api/v1/cluster',
  );
  const leader = body.elections.find(({ election }) => election === 'scheduler/shard-0')?.leader;
  expect((JSON.parse(content.toString()) as { id: string }).id).toBe(leader?.id);
  await session.close();
});

test('Redis shows what is handed over, in the keys of BullMQ, and what it forgets of that is not needed', async () => {
  const redis = new Redis(testServers().redisUrl);
  const queue = uniqueName('queue');
  const prefix = cluster.env['REDIS_PREFIX'];
  const file = join(folder, queue);
  const jobs = Array.from({ length: 6 * SLOTS }, () => ({ type: 'patient', payload: { file }, queue }));
  const { body } = await api.request<{ results: { id: string }[] }>('POST', '/api/v1/jobs/batch', { jobs });
  await eventually(async () => {
    const [active = 0, waiting = 0] = await Promise.all(
      ['active', 'wait'].map((part) => redis.llen(`${prefix}:${queue}:${part}`)),
    );
    expect(active).toBe(2 * SLOTS);
    expect(waiting).toBeGreaterThan(0);
    expect(await list(`queue=${queue}&state=running`)).toHaveLength(active);
    expect(await list(`queue=${queue}&state=queued`)).toHaveLength(waiting);
  });
  await redis.del(await redis.keys(`${prefix}:*`));
  redis.disconnect();
  await writeFile(file, '');
  for (const { id } of body.results)
    expect(await api.waitFor(id)).toMatchObject({ state: 'succeeded', attempt: 1 });
});

test('each service scales out: all instances are members, and either executor runs jobs', async () => {
  const { body } = await api.request<{ members: Record<string, unknown[]> }>('GET', '/api/v1/cluster');
  for (const kind of ['store', 'scheduler', 'executor']) expect(body.members[kind]).toHaveLength(2);
  const executors = new Set<string | null>();
  await eventually(
    async () => {
      const jobs = await api.submitAll(
        Array.from({ length: 40 }, () => ({ type: 'command', payload: { command: 'sleep 0.2' } })),
      );
      for (const { id } of jobs) executors.add((await api.waitFor(id)).executor);
      return executors.size === 2;
    },
    { within: 60_000 },
  );
});
