/** Batches: many jobs in one request, each with its own result, or all of them or none. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiClient, type ProblemAnswer } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';

let cluster: Cluster;
let api: ApiClient;

beforeAll(async () => {
  cluster = await startCluster();
  api = new ApiClient([cluster.url]);
});

afterAll(() => cluster?.stop());

interface BatchAnswer {
  readonly created: number;
  readonly existing: number;
  readonly rejected: number;
  readonly results: readonly {
    readonly index: number;
    readonly id?: string;
    readonly created?: boolean;
    readonly error?: { readonly kind: string; readonly errors: readonly { readonly field: string }[] };
  }[];
}

const print = (text: string, rest: object = {}) => ({ type: 'print', payload: { text }, ...rest });
const BATCH = '/api/v1/jobs/batch';

async function countOf(queue: string): Promise<number> {
  const { body } = await api.request<{ jobs: unknown[] }>('GET', `/api/v1/jobs?queue=${queue}&limit=200`);
  return body.jobs.length;
}

test('2,500 jobs in one request are each answered in their order, and all of them run', async () => {
  const jobs = Array.from({ length: 2500 }, (_, index) => print(`${index}`));
  const { status, body } = await api.request<BatchAnswer>('POST', BATCH, { jobs });
  expect(status).toBe(200);
  expect(body).toMatchObject({ created: 2500, existing: 0, rejected: 0 });
  expect(body.results.map(({ index }) => index)).toEqual(jobs.map((_, index) => index));
  for (const index of [0, 1234, 2499])
    expect(await api.waitFor(body.results[index]?.id ?? '')).toMatchObject({
      state: 'succeeded',
      payload: { text: `${index}` },
    });
});

test('a command that takes ten minutes holds none of the quick jobs around it back', async () => {
  const quick = (count: number) => [
    ...Array.from({ length: count }, (_, index) => print(`${index}`)),
    ...Array.from({ length: count / 5 }, () => ({ type: 'command', payload: { command: 'true' } })),
  ];
  const slow = { type: 'command', payload: { command: 'sleep 600' }, timeout: '15m' };
  // The first quick ones teach that commands are quick, so that the slow one travels among others.
  const send = (jobs: readonly object[]) => api.request<BatchAnswer>('POST', BATCH, { jobs });
  const idsOf = ({ body }: { body: BatchAnswer }) => body.results.map(({ id = '' }) => id);
  const warm = idsOf(await send(quick(50)));
  for (const id of warm) await api.waitFor(id);

  const sent = idsOf(await send([...quick(400), slow, ...quick(400)]));
  const [slowId = ''] = sent.splice(480, 1);
  for (const id of sent) expect(await api.waitFor(id)).toMatchObject({ state: 'succeeded' });
  expect(await api.get(slowId)).toMatchObject({ state: 'running' });
  await api.request('POST', `/api/v1/jobs/${slowId}/cancel`);
  await api.waitFor(slowId, ['cancelled']);
});

test('what is wrong with one job is said of that job, and the others are stored', async () => {
  const { body } = await api.request<BatchAnswer>('POST', BATCH, {
    jobs: [print('a'), { type: 'nothing-runs-this' }, print('b', { priority: 17 }), 7, print('c')],
  });
  expect(body).toMatchObject({ created: 2, rejected: 3 });
  expect(body.results.map(({ error }) => error?.errors[0]?.field)).toEqual([
    undefined,
    'type',
    'priority',
    '',
    undefined,
  ]);
});

test('with atomic=true one wrong job keeps all of them out, and each wrong field is named with its place', async () => {
  const jobs = [
    print('a', { queue: 'whole' }),
    print('b', { queue: 'whole', priority: 17 }),
    print('c', { queue: 'whole', uniqueKey: 'k' }),
  ];
  const refused = await api.request<ProblemAnswer>('POST', `${BATCH}?atomic=true`, { jobs });
  expect(refused.status).toBe(422);
  expect(refused.body.errors?.map(({ field }) => field)).toEqual(['jobs.1.priority', 'jobs.2.uniqueKey']);
  expect(await countOf('whole')).toBe(0);

  const { status, body } = await api.request<BatchAnswer>('POST', `${BATCH}?atomic=true`, {
    jobs: jobs.slice(0, 1),
  });
  expect([status, body.created]).toEqual([200, 1]);
  expect(await countOf('whole')).toBe(1);
});

test.each(['false', 'true'])(
  'a batch that is repeated with its Idempotency-Key makes no second job (atomic=%s)',
  async (atomic) => {
    const queue = `repeated-${atomic}`;
    const jobs = [print('a', { queue }), print('b', { queue })];
    const headers = { 'idempotency-key': `batch-${atomic}` };
    const first = await api.request<BatchAnswer>('POST', `${BATCH}?atomic=${atomic}`, { jobs }, headers);
    const second = await api.request<BatchAnswer>('POST', `${BATCH}?atomic=${atomic}`, { jobs }, headers);
    expect(first.body).toMatchObject({ created: 2, existing: 0 });
    expect(second.body).toMatchObject({ created: 0, existing: 2 });
    expect(second.body.results.map(({ id }) => id)).toEqual(first.body.results.map(({ id }) => id));
    expect(await countOf(queue)).toBe(2);
  },
);

test('a batch can be sent as one JSON text a line', async () => {
  const send = (body: string) =>
    fetch(`${cluster.url}${BATCH}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body,
    });
  const lines = [print('a'), print('b')].map((job) => JSON.stringify(job));
  const stored = await send(`${lines.join('\n')}\n\n`);
  expect([stored.status, await stored.json()]).toEqual([200, expect.objectContaining({ created: 2 })]);

  const broken = await send(`${lines[0]}\n{"type":\n`);
  const problem = (await broken.json()) as ProblemAnswer;
  expect([broken.status, problem.errors?.[0]]).toEqual([
    422,
    { field: 'line 2', message: 'is not valid JSON' },
  ]);
});

test.each([
  [{}, 'jobs'],
  [{ jobs: [] }, 'jobs'],
  [{ jobs: Array.from({ length: 10_001 }, () => 1) }, 'jobs'],
  [{ jobs: [print('a')], more: 1 }, 'more'],
])('a body that is no batch is refused and the field named', async (sent, field) => {
  const { status, body } = await api.request<ProblemAnswer>('POST', BATCH, sent);
  expect([status, body.errors?.[0]?.field]).toEqual([422, field]);
});
