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
