/** GET /api/v1/jobs/{id}/why on a whole system, with one thing after the other in the way. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiClient, type ProblemAnswer } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';

interface WhyAnswer {
  readonly jobId: string;
  readonly state: string;
  readonly reason: string;
  readonly sentence: string;
  readonly about: number | null;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly also: readonly { readonly reason: string }[];
}

let cluster: Cluster;
let api: ApiClient;

beforeAll(async () => {
  cluster = await startCluster({ env: { EXECUTOR_SLOTS: '1', EXECUTOR_QUEUES: 'default' } });
  api = new ApiClient([cluster.url]);
});
afterAll(() => cluster?.stop());

const command = (text: string, rest: object = {}) => ({
  type: 'command',
  payload: { command: text },
  ...rest,
});
const why = async (id: string) => (await api.request<WhyAnswer>('GET', `/api/v1/jobs/${id}/why`)).body;
const untilWhy = (id: string, reason: string) =>
  eventually(
    async () => {
      const answer = await why(id);
      expect(answer.reason).toBe(reason);
      return answer;
    },
    { within: 15_000 },
  );

test('a job that is due later says when', async () => {
  const { id, runAt } = await api.submit(command('true', { delay: '1h' }));
  const answer = await why(id);
  expect(answer).toMatchObject({ jobId: id, state: 'scheduled', reason: 'due-later', also: [] });
  expect(answer.facts).toEqual({ dueAt: runAt });
  expect(answer.about).toBeGreaterThan(3_500_000);
  expect(answer.sentence).toContain(runAt);
});

test('a job whose queue nobody drains says so, and that it is not due either', async () => {
  const { id } = await api.submit(command('true', { queue: 'elsewhere', delay: '1h' }));
  expect(await why(id)).toMatchObject({ reason: 'due-later', also: [{ reason: 'no-executor' }] });
});

test('a failed attempt, an end, and a job that does not exist', async () => {
  const retry = { strategy: 'fixed', delay: '1h' };
  const failing = await api.submit(command('exit 3', { maxAttempts: 2, retry }));
  expect(await untilWhy(failing.id, 'retry-later')).toMatchObject({
    facts: { attempt: 1, maxAttempts: 2, error: { name: 'CommandFailed' } },
  });
  const { id } = await api.submit(command('true'));
  await api.waitFor(id);
  expect(await why(id)).toMatchObject({ reason: 'ended', facts: { state: 'succeeded' } });
  const unknown = await api.request<ProblemAnswer>(
    'GET',
    '/api/v1/jobs/0198f2a4-0000-7000-8000-000000000000/why',
  );
  expect(unknown.status).toBe(404);
  expect((await api.request('GET', '/api/v1/jobs/nonsense/why')).status).toBe(400);
});

test('a job of a paused queue says so until the queue is resumed', async () => {
  const queue = 'elsewhere';
  const { id } = await api.submit(command('true', { queue }));
  await api.request('POST', `/api/v1/queues/${queue}/pause`);
  expect(await why(id)).toMatchObject({ reason: 'queue-paused', facts: { queue } });
  await api.request('POST', `/api/v1/queues/${queue}/resume`);
  await untilWhy(id, 'no-executor');
});

test('a job behind a limit names who holds it', async () => {
  const limited = (key: string) => command('sleep 60', { concurrencyKey: key });
  const holder = await api.submit(limited('a'));
  await untilWhy(holder.id, 'running');
  const next = await api.submit(limited('a'));
  expect(await untilWhy(next.id, 'concurrency-key-limit')).toMatchObject({
    facts: { concurrencyKey: 'a', limit: 1, inFlight: 1, holders: [holder.id] },
  });
  await api.request('POST', `/api/v1/jobs/${next.id}/cancel`);
  await api.request('POST', `/api/v1/jobs/${holder.id}/cancel`);
  await api.waitFor(holder.id);
});

test('a job of a rate-limited queue says when it goes', async () => {
  const queue = 'default';
  await api.request('PUT', `/api/v1/queues/${queue}`, { rateLimit: { limit: 1, interval: '1h' } });
  const first = await api.submit(command('true'));
  await api.waitFor(first.id);
  const { id } = await api.submit(command('true'));
  const answer = await untilWhy(id, 'rate-limit');
  expect(answer.facts).toMatchObject({ limit: 1, intervalMs: 3_600_000, ahead: 0 });
  expect(answer.about).toBeGreaterThan(3_500_000);
  await api.request('PUT', `/api/v1/queues/${queue}`, {});
  await api.waitFor(id);
});

test('a job of a queue in strict order names the one whose turn it is, and who is to drain it', async () => {
  await api.request('PUT', '/api/v1/queues/elsewhere', { drain: 'leader' });
  const { id } = await api.submit(command('true', { queue: 'elsewhere' }));
  expect(await untilWhy(id, 'no-queue-leader')).toMatchObject({
    facts: { queue: 'elsewhere', candidates: 0 },
    also: expect.arrayContaining([expect.objectContaining({ reason: 'no-executor' })]) as unknown,
  });
  await api.request('PUT', '/api/v1/queues/elsewhere', {});

  await api.request('PUT', '/api/v1/queues/default', { drain: 'leader' });
  const first = await api.submit(command('sleep 60'));
  await untilWhy(first.id, 'running');
  const next = await api.submit(command('true'));
  expect(await untilWhy(next.id, 'strict-order')).toMatchObject({
    facts: { turnOf: { id: first.id, state: 'running' } },
  });
  await api.request('POST', `/api/v1/jobs/${first.id}/cancel`);
  await api.waitFor(next.id);
  await api.request('PUT', '/api/v1/queues/default', {});
});

test('a job that depends on another one names it, and the state that it is in', async () => {
  const { body } = await api.request<{ id: string }>('POST', '/api/v1/workflows', {
    jobs: [
      { name: 'extract', ...command('true', { delay: '1h' }) },
      { name: 'report', ...command('true', { dependsOn: ['extract'] }) },
    ],
  });
  const { jobs } = (
    await api.request<{ jobs: { id: string; name: string }[] }>('GET', `/api/v1/workflows/${body.id}`)
  ).body;
  const [extract, report] = jobs;
  expect(await why(report?.id ?? '')).toMatchObject({
    reason: 'blocked',
    sentence: `It waits for extract (${extract?.id}), which is scheduled, on which it depends.`,
    facts: { waitsFor: 1, parents: [{ id: extract?.id, name: 'extract', state: 'scheduled' }] },
  });
});

test('a job for workers outside waits for one that asks, and says who runs it', async () => {
  await api.request('PUT', '/api/v1/types/count-words', { payloadSchema: {} });
  const { id } = await api.submit({ type: 'count-words', payload: {} });
  expect(await why(id)).toMatchObject({ reason: 'no-worker', facts: { type: 'count-words' } });
  const lease = await api.request<{ leases: { job: { id: string } }[] }>('POST', '/api/v1/leases', {
    types: ['count-words'],
    worker: 'by hand',
  });
  expect(lease.body.leases).toMatchObject([{ job: { id } }]);
  expect(await why(id)).toMatchObject({ reason: 'running', facts: { worker: 'by hand', executor: null } });
  const next = await api.submit({ type: 'count-words', payload: {} });
  await untilWhy(next.id, 'handing-over');
});

test('one that runs says where, one behind it that all slots are taken, and who is missing when nobody leads', async () => {
  const long = await api.submit(command('sleep 60'));
  const running = await untilWhy(long.id, 'running');
  expect(running.facts['executor']).toMatchObject({ instance: 'executor-1' });
  const next = await api.submit(command('true'));
  expect(await untilWhy(next.id, 'slots-busy')).toMatchObject({ facts: { slots: 1, place: 1 } });

  await Promise.all(cluster.of('scheduler').map((scheduler) => scheduler.kill()));
  const stranded = await api.submit(command('true', { priority: 0 }));
  const answer = await untilWhy(stranded.id, 'no-leader');
  expect(answer).toMatchObject({
    sentence: 'No scheduler is alive, so nothing is handed over.',
    also: [{ reason: 'slots-busy' }],
  });
});
