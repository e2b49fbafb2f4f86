/** What dies, and what happens: real processes are killed while they work. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Redis } from 'ioredis';
import { ApiClient, type JobAnswer } from '../support/api-client.js';
import { startCluster, type Cluster, type ServiceHandle } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';

const SESSION_TIMEOUT_MS = 2000;
const LEASE_MS = 5000;

let cluster: Cluster;
let api: ApiClient;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'triumvir-failover-'));
});

afterEach(async () => {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(options: {
  schedulers?: number;
  executors?: number;
  env?: Record<string, string>;
}): Promise<void> {
  cluster = await startCluster({
    ...options,
    env: { ZOOKEEPER_SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS), ...options.env },
  });
  api = new ApiClient([cluster.url]);
}

interface Seen {
  readonly members: { readonly executor: readonly { readonly id: string }[] };
  readonly elections: readonly {
    readonly election: string;
    readonly leader: { readonly id: string } | null;
  }[];
  readonly executors: readonly { readonly id: string; readonly instance: string }[];
}

async function seen(): Promise<Seen> {
  return (await api.request<Seen>('GET', '/api/v1/cluster')).body;
}

async function leaderOf(election: string): Promise<ServiceHandle> {
  return eventually(async () => {
    const { elections } = await seen();
    const leader = elections.find((candidate) => candidate.election === election)?.leader;
    if (leader == null) throw new Error('nobody leads');
    return cluster.byId(leader.id);
  });
}

/** The longest time in which no job started, in milliseconds. */
function longestPause(jobs: readonly JobAnswer[]): number {
  const starts = jobs.map(({ startedAt }) => Date.parse(startedAt ?? '')).sort((a, b) => a - b);
  return Math.max(...starts.slice(1).map((at, index) => at - (starts[index] ?? at)));
}

const sleepJob = (seconds: number) => ({ type: 'command', payload: { command: `sleep ${seconds}` } });

test('when the leading scheduler is killed, the next one feeds on within the session timeout and a second', async () => {
  await start({ schedulers: 2, executors: 2, env: { EXECUTOR_SLOTS: '2' } });
  await api.submitAll(Array.from({ length: 500 }, () => sleepJob(0.02)));
  const leader = await leaderOf('scheduler/shard-0');
  await leader.kill();
  const jobs = await api.waitForAll(60_000);
  expect(jobs).toHaveLength(500);
  expect(jobs.every(({ state, attempt }) => state === 'succeeded' && attempt === 1)).toBe(true);
  expect(longestPause(jobs)).toBeLessThan(SESSION_TIMEOUT_MS + 1000);
});

test('a leading scheduler that gets SIGTERM hands over at once, and ends with exit code 0', async () => {
  await start({ schedulers: 2 });
  const leader = await leaderOf('scheduler/shard-0');
  await leader.terminate();
  const stoppedAt = Date.now();
  const job = await api.submit({ type: 'print', payload: { text: 'still here' } });
  expect((await api.waitFor(job.id)).state).toBe('succeeded');
  expect(Date.now() - stoppedAt).toBeLessThan(1000);
  expect(await readFile(leader.logPath, 'utf8')).toContain('"message":"stopped"');
});

test('a killed executor is dropped, and its jobs run again elsewhere within its lease and a second, the lost try counted', async () => {
  await start({ executors: 2, env: { EXECUTOR_LEASE_MS: String(LEASE_MS) } });
  const started = join(folder, 'started');
  // The first try hangs, the second finds nothing left of it.
  const processId = join(folder, 'process-id');
  const command = `echo $JOB_ATTEMPT >> ${started}
    if [ "$JOB_ATTEMPT" = 1 ]; then echo $$ > ${processId}; trap '' TERM; while :; do sleep 0.1; done; fi
    ! kill -0 $(cat ${processId})`;
  const job = await api.submit({
    type: 'command',
    payload: { command },
    retry: { strategy: 'fixed', delay: 0 },
  });
  const running = await api.waitFor(job.id, ['running']);
  const before = await seen();
  const victim = cluster.byId(before.executors.find(({ id }) => id === running.executor)?.instance ?? '');
  expect(before.members.executor.map(({ id }) => id)).toContain(victim.id);
  await eventually(async () => (await readFile(processId, 'utf8')) !== '');
  await victim.kill();
  const killedAt = Date.now();
  const finished = await api.waitFor(job.id, ['succeeded'], LEASE_MS + 5000);
  expect(Date.now() - killedAt).toBeLessThan(LEASE_MS + 1500);
  expect(finished.attempts).toMatchObject([
    { attempt: 1, outcome: 'lost' },
    { attempt: 2, outcome: 'succeeded' },
  ]);
  expect(finished.executor).not.toBe(running.executor);
  expect((await readFile(started, 'utf8')).split('\n')).toEqual(['1', '2', '']);
  await eventually(async () => {
    const { members, executors } = await seen();
    expect(members.executor.map(({ id }) => id)).not.toContain(victim.id);
    expect(executors.map(({ id }) => id)).toEqual([finished.executor]);
  });
});

test('an executor that gets SIGTERM lets its job finish, and hands back uncounted what does not finish in time', async () => {
  await start({ executors: 1, env: { SHUTDOWN_GRACE_MS: '1500', EXECUTOR_KILL_GRACE_MS: '500' } });
  const quick = await api.submit(sleepJob(1));
  const slow = await api.submit(sleepJob(30));
  await api.waitFor(quick.id, ['running']);
  await api.waitFor(slow.id, ['running']);
  await cluster.byId('executor-1').terminate();
  expect(await api.get(quick.id)).toMatchObject({ state: 'succeeded', attempt: 1 });
  expect(await api.get(slow.id)).toMatchObject({ state: 'scheduled', attempt: 0, error: null, attempts: [] });
});

test('a second SIGTERM ends the grace', async () => {
  await start({ executors: 1, env: { SHUTDOWN_GRACE_MS: '60000', EXECUTOR_KILL_GRACE_MS: '500' } });
  const slow = await api.submit(sleepJob(60));
  await api.waitFor(slow.id, ['running']);
  const executor = cluster.byId('executor-1');
  const ended = executor.terminate(20_000);
  await eventually(async () => (await readFile(executor.logPath, 'utf8')).includes('"message":"stopping"'));
  process.kill(executor.pid, 'SIGTERM');
  await ended;
  const handedBack = await api.get(slow.id);
  expect(handedBack).toMatchObject({ attempt: 0, error: null, attempts: [] });
  expect(handedBack.state).toMatch(/^(scheduled|queued)$/);
});

test('executors that get SIGTERM amid a stream of jobs from several queues lose none of them', async () => {
  // One slot for what comes from four queues: something waits for it all the time.
  await start({ executors: 4, env: { EXECUTOR_SLOTS: '1' } });
  const submitted = await api.submitAll(
    Array.from({ length: 240 }, (_, n) => ({ ...sleepJob(0.05), queue: `q${n % 4}`, onLost: 'fail' })),
  );
  await eventually(async () => (await api.all()).filter(({ state }) => state === 'succeeded').length > 40);
  await Promise.all(['executor-1', 'executor-2', 'executor-3'].map((id) => cluster.byId(id).terminate()));
  const jobs = await api.waitForAll(60_000);
  expect(jobs).toHaveLength(submitted.length);
  expect(jobs.filter(({ state, attempt }) => state !== 'succeeded' || attempt !== 1)).toEqual([]);
});

test('a store ends at once although somebody holds a connection to it, on which nothing was ever asked', async () => {
  await start({});
  const store = cluster.of('store')[0];
  if (store === undefined) throw new Error('there is no store');
  const idle = connect(store.port, '127.0.0.1');
  await once(idle, 'connect');
  const startedAt = Date.now();
  await store.terminate();
  idle.destroy();
  expect(Date.now() - startedAt).toBeLessThan(10_000);
});

test('what Redis forgets is handed over again within five seconds', async () => {
  await start({ executors: 1, env: { EXECUTOR_SLOTS: '2' } });
  await api.submitAll(Array.from({ length: 40 }, () => sleepJob(0.3)));
  await eventually(async () => {
    expect((await api.all()).filter(({ state }) => state === 'queued').length).toBeGreaterThan(10);
  });
  await forgetEverything(cluster.env['REDIS_URL'] ?? '', cluster.env['REDIS_PREFIX'] ?? '');
  const jobs = await api.waitForAll(30_000);
  expect(jobs.every(({ state, attempt }) => state === 'succeeded' && attempt === 1)).toBe(true);
  expect(longestPause(jobs)).toBeLessThan(5000);
});

/** What FLUSHALL does, for the keys of one cluster. */
async function forgetEverything(url: string, prefix: string): Promise<void> {
  const redis = new Redis(url);
  const keys = await redis.keys(`${prefix}:*`);
  await redis.del(keys);
  await redis.quit();
}
