/** Queues that are drained by their elected leader alone: in strict order, on one executor, and on the next when it dies. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiClient, type JobAnswer, type ProblemAnswer } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { uniqueName } from '../support/environment.js';
import { eventually } from '../support/eventually.js';

let cluster: Cluster;
let api: ApiClient;

beforeAll(async () => {
  cluster = await startCluster({ executors: 3, env: { EXECUTOR_LEASE_MS: '2000' } });
  api = new ApiClient([cluster.url]);
});
afterAll(() => cluster?.stop());

async function orderedQueue(): Promise<string> {
  const queue = uniqueName('ordered');
  const { status } = await api.request('PUT', `/api/v1/queues/${queue}`, { drain: 'leader' });
  expect(status).toBe(201);
  return queue;
}

interface ClusterAnswer {
  readonly elections: readonly {
    readonly election: string;
    readonly leader: { readonly id: string } | null;
    readonly candidates: readonly object[];
  }[];
}

/** The executor that leads a queue. */
const leaderOf = (queue: string, other?: string) =>
  eventually(
    async () => {
      const { body } = await api.request<ClusterAnswer>('GET', '/api/v1/cluster');
      const election = body.elections.find((each) => each.election === `executor/queues/${queue}`);
      const leader = election?.leader?.id;
      if (leader === undefined || leader === other) throw new Error(`nobody leads ${queue}`);
      return leader;
    },
    { within: 20_000 },
  );

const command = (queue: string, text: string, rest: object = {}) => ({
  type: 'command',
  payload: { command: text },
  queue,
  ...rest,
});

/** In the order of their starts; no two at the same time. */
function expectOneByOne(jobs: readonly JobAnswer[]): void {
  const times = jobs.map(({ startedAt, finishedAt }) => ({
    start: Date.parse(startedAt ?? ''),
    end: Date.parse(finishedAt ?? ''),
  }));
  for (const [index, { start }] of times.entries())
    expect(start).toBeGreaterThanOrEqual(times[index - 1]?.end ?? 0);
}

test('its leader alone runs the jobs of a queue, one after the other in their order', async () => {
  const queue = await orderedQueue();
  await leaderOf(queue);
  const submitted: JobAnswer[] = [];
  for (let n = 0; n < 12; n += 1) submitted.push(await api.submit(command(queue, 'sleep 0.02')));
  const ended = await Promise.all(submitted.map(({ id }) => api.waitFor(id, ['succeeded'])));
  expect(new Set(ended.map(({ executor }) => executor)).size).toBe(1);
  expectOneByOne(ended);
});

test('a job that fails keeps its turn until it is done with', async () => {
  const queue = await orderedQueue();
  const retry = { strategy: 'fixed', delay: '1s' };
  const failing = await api.submit(command(queue, 'exit 1', { maxAttempts: 2, retry }));
  await eventually(async () => (await api.get(failing.id)).error !== null);
  const behind = await api.submit(command(queue, 'true', { priority: 0 }));
  const ended = await Promise.all([api.waitFor(failing.id, ['dead']), api.waitFor(behind.id, ['succeeded'])]);
  expectOneByOne(ended);
});

test('when the leader dies in the middle of a job, another one takes over and does that one first', async () => {
  const queue = await orderedQueue();
  const first = await leaderOf(queue);
  const retry = { strategy: 'fixed', delay: 0 };
  const started = await api.submit(command(queue, 'sleep 1', { retry }));
  const next = await api.submit(command(queue, 'true'));
  const running = await api.waitFor(started.id, ['running']);
  await cluster.byId(first).kill();
  const second = await leaderOf(queue, first);
  const ended = await Promise.all([
    api.waitFor(started.id, ['succeeded'], 30_000),
    api.waitFor(next.id, ['succeeded'], 30_000),
  ]);
  expect(second).not.toBe(first);
  expectOneByOne(ended);
  expect(ended[0]).toMatchObject({ attempt: 2 });
  expect(ended[0]?.executor).not.toBe(running.executor);
  expect(ended[1]?.executor).toBe(ended[0]?.executor);
});

test('a queue that is shared again is drained by all, and limits say nothing while it is not', async () => {
  const queue = await orderedQueue();
  await leaderOf(queue);
  const path = `/api/v1/queues/${queue}`;
  const refused = await api.request<ProblemAnswer>('PUT', path, { drain: 'leader', concurrency: 2 });
  expect(refused.status).toBe(422);
  expect(refused.body.errors).toMatchObject([{ field: 'concurrency' }]);
  await api.request('PUT', path, {});
  const together = await Promise.all(Array.from({ length: 4 }, () => api.submit(command(queue, 'sleep 3'))));
  await Promise.all(together.map(({ id }) => api.waitFor(id, ['running'])));
});

test('a leader that is asked to stop finishes its job, and hands over', async () => {
  const queue = await orderedQueue();
  const first = await leaderOf(queue);
  const long = await api.submit(command(queue, 'sleep 1'));
  const next = await api.submit(command(queue, 'true'));
  await api.waitFor(long.id, ['running']);
  await Promise.all([cluster.byId(first).terminate(), leaderOf(queue, first)]);
  const ended = [
    await api.waitFor(long.id, ['succeeded'], 30_000),
    await api.waitFor(next.id, ['succeeded'], 30_000),
  ];
  expectOneByOne(ended);
  expect(ended[0]).toMatchObject({ attempt: 1 });
  expect(ended[1]?.executor).not.toBe(ended[0]?.executor);
});
