/** Workers outside, over the API alone: the protocol of docs/WORKERS.md, each rule and each refusal. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { withPostgres } from '#tools/sql.js';
import { ApiClient, type JobAnswer, type ProblemAnswer } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { uniqueName } from '../support/environment.js';
import { eventually } from '../support/eventually.js';

interface LeaseAnswer {
  readonly leaseToken: string;
  readonly expiresAt: string;
  readonly job: JobAnswer & { readonly payload: unknown; readonly worker: string };
}

interface ConflictAnswer extends ProblemAnswer {
  readonly errors?: readonly { field: string; message: string; allowed?: string[] }[];
}

let cluster: Cluster;
let api: ApiClient;
let type: string;

beforeAll(async () => {
  // Few connections, so that a wait which held one would be noticed.
  cluster = await startCluster({ stores: 2, env: { PG_MAX_CONNS: '3' } });
  api = new ApiClient(cluster.of('store').map(({ url }) => url));
});
afterAll(() => cluster?.stop());
beforeEach(async () => {
  type = uniqueName('type');
  // Each store that is there knows of it before the test begins.
  for (const { url } of cluster.of('store'))
    await new ApiClient([url]).request('PUT', `/api/v1/types/${type}`, {});
});

const post = <Body>(path: string, body: unknown) => api.request<Body>('POST', `/api/v1/leases${path}`, body);
async function lease(changes: Record<string, unknown> = {}): Promise<LeaseAnswer[]> {
  const { status, body } = await post<{ leases: LeaseAnswer[] }>('', {
    types: [type],
    worker: 'w',
    ...changes,
  });
  expect(status).toBe(200);
  return body.leases;
}
async function leaseOne(job: Record<string, unknown> = {}, changes = {}): Promise<LeaseAnswer> {
  await api.submit({ type, ...job });
  const [leased] = await lease({ wait: '5s', ...changes });
  if (leased === undefined) throw new Error('nothing was leased');
  return leased;
}
const say = <Body = JobAnswer>({ job, leaseToken }: LeaseAnswer, action: string, rest: object = {}) =>
  post<Body>(`/${job.id}/${action}`, { leaseToken, ...rest });
const error = { name: 'Broken', message: 'it broke', details: { code: 3 } };

describe('a leased job', () => {
  test('carries all that its worker needs, and names the worker', async () => {
    const leased = await leaseOne(
      { payload: { a: [1] }, timeout: '5m' },
      { lease: '10s', worker: 'python-1' },
    );
    expect(leased.job).toMatchObject({
      state: 'running',
      payload: { a: [1] },
      attempt: 1,
      maxAttempts: 4,
      timeout: 300_000,
      worker: 'python-1',
    });
    const leftMs = Date.parse(leased.expiresAt) - Date.parse(leased.job.startedAt ?? '');
    expect(leftMs).toBe(10_000);
    expect(await api.get(leased.job.id)).toMatchObject({ state: 'running', worker: 'python-1' });
    expect(JSON.stringify(await api.get(leased.job.id))).not.toContain(leased.leaseToken.slice(0, 32));
  });

  test('succeeds with its result and all that it wrote', async () => {
    const leased = await leaseOne();
    await say(leased, 'output', { output: [{ text: 'one\n' }, { stream: 'err', text: 'two\0\n' }] });
    const { body: running } = await api.request<{ output: string }>(
      'GET',
      `/api/v1/jobs/${leased.job.id}/output`,
    );
    expect(running.output).toBe('one\ntwo\uFFFD\n');
    const completed = await say(leased, 'complete', { result: { n: 1 }, output: [{ text: 'three\n' }] });
    expect(completed).toMatchObject({ status: 200, body: { jobId: leased.job.id, state: 'succeeded' } });
    expect(await api.get(leased.job.id)).toMatchObject({ state: 'succeeded', result: { n: 1 } });
    const { body } = await api.request('GET', `/api/v1/jobs/${leased.job.id}/output`);
    expect(body).toMatchObject({ stdout: 'one\nthree\n', stderr: 'two\uFFFD\n', truncated: false });
  });

  test('that fails is tried again by its policy, at the time the worker says, or dead', async () => {
    const retry = { strategy: 'fixed', delay: '1h' };
    const [again] = [await leaseOne({ retry })];
    expect((await say(again, 'fail', { error, retryAfter: 0 })).body.state).toBe('scheduled');
    const [second] = await lease({ wait: '5s' });
    expect(second?.job).toMatchObject({ id: again.job.id, attempt: 2 });
    expect((await say(second as LeaseAnswer, 'fail', { error })).body.state).toBe('scheduled');
    const job = await api.get(again.job.id);
    expect(job.attempts?.map(({ outcome }) => outcome)).toEqual(['failed', 'failed']);
    expect(Date.parse(job.runAt)).toBeGreaterThan(Date.now() + 3_000_000);

    const final = await leaseOne();
    expect((await say(final, 'fail', { error, final: true })).body.state).toBe('dead');
    expect(await api.get(final.job.id)).toMatchObject({ state: 'dead', error });
  });

  test('that is snoozed or released is leased out again, uncounted', async () => {
    const leased = await leaseOne();
    expect((await say(leased, 'snooze', { delay: 0 })).body.state).toBe('scheduled');
    const [again] = await lease({ wait: '5s' });
    expect(again?.job).toMatchObject({ id: leased.job.id, attempt: 1 });
    expect((await say(again as LeaseAnswer, 'release')).body.state).toBe('scheduled');
    expect(await api.get(leased.job.id)).toMatchObject({ state: 'scheduled', attempt: 0 });
    const [third] = await lease({ wait: '5s' });
    expect((await say(third as LeaseAnswer, 'snooze', { delay: '1h' })).body.state).toBe('scheduled');
    expect(await lease()).toEqual([]);
  });

  test('whose cancel is asked for hears of it by its heartbeat, and is cancelled when its worker confirms', async () => {
    const leased = await leaseOne();
    const beat = () =>
      say<{ cancelRequested: boolean; expiresAt: string }>(leased, 'heartbeat', { lease: '1h' });
    const first = await beat();
    expect(first.body).toMatchObject({ state: 'running', cancelRequested: false });
    expect(Date.parse(first.body.expiresAt)).toBeGreaterThan(Date.now() + 3_500_000);
    const unasked = await say<ConflictAnswer>(leased, 'cancelled');
    expect(unasked.status).toBe(409);
    expect(unasked.body.detail).toContain('Nobody has asked');

    expect((await api.request('POST', `/api/v1/jobs/${leased.job.id}/cancel`)).status).toBe(202);
    expect((await beat()).body.cancelRequested).toBe(true);
    expect((await say(leased, 'cancelled', { output: [{ text: 'ended' }] })).body.state).toBe('cancelled');
    expect((await beat()).status).toBe(409);
  });

  test('is refused to whoever has lost it: 409, with what can follow its present state', async () => {
    const leased = await leaseOne();
    await say(leased, 'snooze', { delay: 0 });
    const late = await say<ConflictAnswer>(leased, 'complete', { result: 1 });
    expect(late.status).toBe(409);
    expect(late.body.errors).toEqual([
      {
        field: 'state',
        message: 'is scheduled; only queued, running, cancelled, expired can follow',
        allowed: ['queued', 'running', 'cancelled', 'expired'],
      },
    ]);
    const [next] = await lease({ wait: '5s' });
    for (const [action, rest] of [
      ['heartbeat', {}],
      ['output', { output: [{ text: 'x' }] }],
      ['complete', {}],
      ['fail', { error }],
      ['snooze', { delay: 0 }],
      ['release', {}],
      ['cancelled', {}],
    ] as const) {
      const refused = await say<ConflictAnswer>(leased, action, rest);
      expect([action, refused.status]).toEqual([action, 409]);
      expect(refused.body.detail).toContain('runs under another lease');
    }
    await say(next as LeaseAnswer, 'complete');
    const over = await say<ConflictAnswer>(leased, 'fail', { error });
    expect(over.body.errors?.[0]).toMatchObject({ message: 'is succeeded; nothing can follow', allowed: [] });
  });

  test('that was completed can be completed again by the same lease, for the answer may be lost', async () => {
    const leased = await leaseOne();
    for (let n = 0; n < 2; n += 1)
      expect(await say(leased, 'complete', { result: 1, output: [{ text: 'x' }] })).toMatchObject({
        status: 200,
        body: { state: 'succeeded' },
      });
    const { body } = await api.request('GET', `/api/v1/jobs/${leased.job.id}/output`);
    expect(body).toMatchObject({ output: 'x' });
    expect((await say(leased, 'fail', { error })).status).toBe(409);
  });

  test('whose worker falls silent is taken back, and tried again as one that was lost', async () => {
    const leased = await leaseOne({ retry: { strategy: 'fixed', delay: 0 } }, { lease: '5s' });
    await withPostgres(cluster.databaseUrl, (client) =>
      client.query(`UPDATE jobs SET lease_until = now() WHERE id = $1`, [leased.job.id]),
    );
    const [again] = await lease({ wait: '20s' });
    expect(again?.job).toMatchObject({ id: leased.job.id, attempt: 2 });
    expect((await api.get(leased.job.id)).attempts?.[0]).toMatchObject({ attempt: 1, outcome: 'lost' });
    expect((await say(leased, 'complete')).status).toBe(409);
    expect((await say(again as LeaseAnswer, 'complete')).status).toBe(200);
  });

  test('of a schedule is leased like any other', async () => {
    const name = uniqueName('schedule');
    const definition = { name, cron: '0 0 1 1 *', job: { type } };
    expect((await api.request('POST', '/api/v1/schedules', definition)).status).toBe(201);
    const { body } = await api.request<{ jobId: string }>('POST', `/api/v1/schedules/${name}/run`);
    expect((await lease({ wait: '5s' }))[0]?.job.id).toBe(body.jobId);
  });
});

test('jobs of a workflow are leased when what they depend on has ended, by workers and executors in turn', async () => {
  const jobs = [
    { name: 'first', type },
    { name: 'second', type: 'print', payload: { text: 'x' }, dependsOn: ['first'] },
    { name: 'third', type, dependsOn: ['second'] },
  ];
  const { status } = await api.request('POST', '/api/v1/workflows', { jobs });
  expect(status).toBe(201);
  for (const name of ['first', 'third']) {
    const [leased, ...others] = await lease({ wait: '15s', max: 5 });
    expect([leased?.job.name, others]).toEqual([name, []]);
    expect((await say(leased as LeaseAnswer, 'complete')).status).toBe(200);
  }
});

describe('a worker that waits', () => {
  test('has a job as soon as it is submitted, at whichever store', async () => {
    for (const queue of ['default', uniqueName('queue')]) {
      const since = await now();
      const waiting = lease({ wait: '20s' });
      await somebodyWaits(since);
      const { id } = await api.submit({ type, queue });
      const submittedAt = performance.now();
      expect((await waiting)[0]?.job.id).toBe(id);
      expect(performance.now() - submittedAt).toBeLessThan(900);
    }
  });

  test('has a job with a delay when it is due', async () => {
    const waiting = lease({ wait: '20s' });
    const { runAt } = await api.submit({ type, delay: '1500ms' });
    const [leased] = await waiting;
    const late = Date.parse(leased?.job.startedAt ?? '') - Date.parse(runAt);
    expect(late).toBeGreaterThanOrEqual(0);
    expect(late).toBeLessThan(900);
  });

  test('has a job as soon as its queue is resumed, and none before', async () => {
    const queue = uniqueName('queue');
    const path = `/api/v1/queues/${queue}`;
    await api.request('PUT', path, {});
    expect((await api.request('POST', `${path}/pause`)).status).toBe(200);
    const { id } = await api.submit({ type, queue });
    expect(await lease({ wait: 300 })).toEqual([]);
    const since = await now();
    const waiting = lease({ wait: '20s' });
    await somebodyWaits(since);
    expect((await api.request('POST', `${path}/resume`)).status).toBe(200);
    const resumedAt = performance.now();
    expect((await waiting)[0]?.job.id).toBe(id);
    expect(performance.now() - resumedAt).toBeLessThan(700);
  });

  test('has a job as soon as another one ends that held the only place of the queue', async () => {
    const queue = uniqueName('queue');
    await api.request('PUT', `/api/v1/queues/${queue}`, { concurrency: 1 });
    const first = await leaseOne({ queue });
    const { id } = await api.submit({ type, queue });
    expect(await lease({ wait: 300 })).toEqual([]);
    const since = await now();
    const waiting = lease({ wait: '20s' });
    await somebodyWaits(since);
    expect((await say(first, 'complete')).status).toBe(200);
    const endedAt = performance.now();
    expect((await waiting)[0]?.job.id).toBe(id);
    expect(performance.now() - endedAt).toBeLessThan(700);
  });

  test('has the jobs of a queue at its rate', async () => {
    const queue = uniqueName('queue');
    await api.request('PUT', `/api/v1/queues/${queue}`, { rateLimit: { limit: 5, interval: '2s' } });
    for (let n = 0; n < 4; n += 1) await api.submit({ type, queue });
    const starts: number[] = [];
    for (let n = 0; n < 4; n += 1)
      starts.push(Date.parse((await lease({ wait: '5s' }))[0]?.job.startedAt ?? ''));
    const gaps = starts.slice(1).map((at, index) => at - (starts[index] ?? 0));
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(380);
    // The line's safety net is a second: it was woken by the rate.
    expect(Math.min(...gaps)).toBeLessThan(800);
  });

  test('has none when the time is up', async () => {
    const startedAt = performance.now();
    expect(await lease({ wait: 300 })).toEqual([]);
    expect(performance.now() - startedAt).toBeGreaterThan(250);
  });

  test('holds no connection: with many that wait, others are served, and each job goes to one of them', async () => {
    const waiting = Array.from({ length: 40 }, () => lease({ wait: '20s', max: 2 }));
    expect((await api.request('GET', '/api/v1/jobs?limit=1')).status).toBe(200);
    const jobs = await api.submitAll(Array.from({ length: 80 }, () => ({ type })));
    const leased = (await Promise.all(waiting)).flat();
    leased.push(...(await lease({ max: 100 })));
    expect(leased.map(({ job }) => job.id).toSorted()).toEqual(jobs.map(({ id }) => id).toSorted());
  });

  test('and goes away leaves its place: what comes in then is leased by others, as a first attempt', async () => {
    for (const waitMs of [1, 5, 20, 50, 100, 200]) {
      const store = cluster.of('store')[0];
      const gone = new AbortController();
      const waiting = fetch(`${store?.url}/api/v1/leases`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ types: [type], wait: '30s', worker: 'gone' }),
        signal: gone.signal,
      }).catch(() => undefined);
      const submitted = api.submit({ type });
      setTimeout(() => gone.abort(), waitMs);
      const { id } = await submitted;
      const answer = await waiting;
      const body = await answer?.json().catch(() => undefined);
      if (body !== undefined) {
        // It was quick enough to have it.
        await say((body as { leases: LeaseAnswer[] }).leases[0] as LeaseAnswer, 'complete');
        continue;
      }
      const [leased] = await lease({ wait: '10s' });
      expect(leased?.job).toMatchObject({ id, attempt: 1, worker: 'w' });
      await say(leased as LeaseAnswer, 'complete');
    }
  });
});

describe('many calls at once', () => {
  test('are judged each by itself, and those about one job in their order', async () => {
    await api.submitAll([{ type }, { type }, { type }]);
    const leased = await lease({ max: 10, wait: '5s' });
    expect(leased).toHaveLength(3);
    const [a, b, c] = leased as [LeaseAnswer, LeaseAnswer, LeaseAnswer];
    const of = ({ job, leaseToken }: LeaseAnswer) => ({ jobId: job.id, leaseToken });
    const { status, body } = await post<{ results: Record<string, unknown>[] }>('/batch', {
      actions: [
        { action: 'output', ...of(a), output: [{ text: 'written' }] },
        { action: 'complete', ...of(a), result: 1 },
        { action: 'fail', ...of(b), error, final: true },
        { action: 'heartbeat', ...of(c) },
        { action: 'heartbeat', ...of(a) },
        { action: 'explode', ...of(a) },
        { action: 'complete', jobId: a.job.id, leaseToken: 'x' },
        { action: 'complete', ...of(c), jobId: '00000000-0000-7000-8000-000000000000' },
      ],
    });
    expect(status).toBe(200);
    expect(body.results).toMatchObject([
      { index: 0, state: 'running' },
      { index: 1, state: 'succeeded' },
      { index: 2, state: 'dead' },
      { index: 3, state: 'running', cancelRequested: false },
      { index: 4, error: { kind: 'conflict', errors: [{ field: 'state', allowed: [] }] } },
      { index: 5, error: { kind: 'validation-failed', errors: [{ field: 'action' }] } },
      { index: 6, error: { kind: 'validation-failed', errors: [{ field: 'leaseToken' }] } },
      { index: 7, error: { kind: 'not-found' } },
    ]);
    expect((await api.request('GET', `/api/v1/jobs/${a.job.id}/output`)).body).toMatchObject({
      output: 'written',
    });
  });
});

describe('a type', () => {
  test('is announced with the JSON Schema that payloads must fit', async () => {
    const name = uniqueName('type');
    const payloadSchema = {
      type: 'object',
      required: ['to'],
      properties: { to: { enum: ['a', 'b'] }, tags: { type: 'array', items: { type: 'string' } } },
      unevaluatedProperties: false,
    };
    const put = () => api.request('PUT', `/api/v1/types/${name}`, { payloadSchema });
    expect((await put()).status).toBe(201);
    expect((await put()).status).toBe(200);
    const refused = async (payload: unknown) =>
      (await api.request<ConflictAnswer>('POST', '/api/v1/jobs', { type: name, payload })).body.errors;
    await eventually(async () => (await refused({}))?.[0]?.field === 'payload.to');
    await eventually(async () => (await refused({}))?.[0]?.field === 'payload.to');
    expect(await refused({})).toMatchObject([{ field: 'payload.to', message: 'is required' }]);
    expect(await refused({ to: 'c' })).toMatchObject([{ field: 'payload.to', allowed: ['a', 'b'] }]);
    expect(await refused({ to: 'a', tags: ['x', 1] })).toMatchObject([{ field: 'payload.tags.1' }]);
    expect(await refused({ to: 'a', more: 1 })).toMatchObject([{ field: 'payload.more' }]);
    await api.submit({ type: name, payload: { to: 'a', tags: [] } });
  });

  test('belongs to executors or to workers, never to both', async () => {
    const put = await api.request<ConflictAnswer>('PUT', '/api/v1/types/command', {});
    expect([put.status, put.body.errors?.[0]?.field]).toEqual([409, 'type']);
    const leased = await post<ProblemAnswer>('', { types: ['command'], worker: 'w' });
    expect([leased.status, leased.body.detail]).toEqual([409, expect.stringContaining('command')]);
    const { body } = await api.request<{ types: { type: string; remote: boolean }[] }>(
      'GET',
      '/api/v1/types',
    );
    expect(body.types).toContainEqual(expect.objectContaining({ type: 'command', remote: false }));
    expect(body.types).toContainEqual(expect.objectContaining({ type, remote: true }));
  });

  test('can be taken from the workers: then no job of it is accepted any more', async () => {
    const url = `${cluster.url}/api/v1/types/${type}`;
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(200);
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(404);
    await eventually(async () => (await api.request('POST', '/api/v1/jobs', { type })).status === 422);
    await eventually(async () => (await api.request('POST', '/api/v1/jobs', { type })).status === 422);
    expect((await post('', { types: [type], worker: 'w' })).status).toBe(422);
  });
});

describe('bad input is refused, and names the field:', () => {
  const id = '00000000-0000-7000-8000-000000000000';
  const leaseToken = `${'a'.repeat(32)}.1.1.30000`;
  const request = { types: ['x'], worker: 'w' };
  test.each<[string, string, string, unknown, number, string]>([
    ['no types', 'POST', 'leases', { worker: 'w' }, 422, 'types'],
    ['empty types', 'POST', 'leases', { types: [], worker: 'w' }, 422, 'types'],
    ['type that nobody announced', 'POST', 'leases', { types: ['no-such'], worker: 'w' }, 422, 'types'],
    ['no worker', 'POST', 'leases', { types: ['x'] }, 422, 'worker'],
    ['NUL in the worker', 'POST', 'leases', { types: ['x'], worker: 'a\0' }, 422, 'worker'],
    ['too many', 'POST', 'leases', { ...request, max: 101 }, 422, 'max'],
    ['none', 'POST', 'leases', { ...request, max: 0 }, 422, 'max'],
    ['wait too long', 'POST', 'leases', { ...request, wait: '61s' }, 422, 'wait'],
    ['lease too short', 'POST', 'leases', { ...request, lease: '4s' }, 422, 'lease'],
    ['lease too long', 'POST', 'leases', { ...request, lease: '2h' }, 422, 'lease'],
    ['bad queue', 'POST', 'leases', { ...request, queues: ['a:b'] }, 422, 'queues.0'],
    ['no token', 'POST', `leases/${id}/complete`, {}, 422, 'leaseToken'],
    ['no such token', 'POST', `leases/${id}/complete`, { leaseToken: 'x' }, 422, 'leaseToken'],
    [
      'a token that was changed',
      'POST',
      `leases/${id}/heartbeat`,
      { leaseToken: `${'a'.repeat(32)}.1.1.9999999` },
      422,
      'leaseToken',
    ],
    [
      'a number out of bounds',
      'POST',
      `leases/${id}/heartbeat`,
      { leaseToken: `${'a'.repeat(32)}.9999999999.1.30000` },
      422,
      'leaseToken',
    ],
    ['no such job', 'POST', `leases/${id}/complete`, { leaseToken }, 404, ''],
    ['no job id', 'POST', 'leases/x/complete', { leaseToken }, 400, 'id'],
    ['no such action', 'POST', `leases/${id}/explode`, { leaseToken }, 404, ''],
    ['no error', 'POST', `leases/${id}/fail`, { leaseToken }, 422, 'error'],
    [
      "the system's own error",
      'POST',
      `leases/${id}/fail`,
      { leaseToken, error: { name: 'ExecutorLost', message: 'x' } },
      422,
      'error.name',
    ],
    ['no delay', 'POST', `leases/${id}/snooze`, { leaseToken }, 422, 'delay'],
    ['no output', 'POST', `leases/${id}/output`, { leaseToken, output: [] }, 422, 'output'],
    [
      'wrong stream',
      'POST',
      `leases/${id}/output`,
      { leaseToken, output: [{ stream: 'x', text: 'x' }] },
      422,
      'output.0.stream',
    ],
    ['NUL in the result', 'POST', `leases/${id}/complete`, { leaseToken, result: 'a\0' }, 422, 'result'],
    [
      'NUL in the details',
      'POST',
      `leases/${id}/fail`,
      { leaseToken, error: { ...error, details: { a: '\0' } } },
      422,
      'error.details.a',
    ],
    ['empty batch', 'POST', 'leases/batch', { actions: [] }, 422, 'actions'],
    ['a batch that is text', 'POST', 'leases/batch', 'null', 422, ''],
    ['bad type name', 'PUT', 'types/a:b', {}, 400, 'name'],
    ['no JSON Schema', 'PUT', 'types/fresh', { payloadSchema: { type: 'nonsense' } }, 422, 'payloadSchema'],
    [
      'schema elsewhere',
      'PUT',
      'types/fresh',
      { payloadSchema: { $ref: 'http://x/y' } },
      422,
      'payloadSchema',
    ],
    ['asynchronous schema', 'PUT', 'types/fresh', { payloadSchema: { $async: true } }, 422, 'payloadSchema'],
    [
      'unknown dialect',
      'PUT',
      'types/fresh',
      { payloadSchema: { $schema: 'http://x' } },
      422,
      'payloadSchema',
    ],
  ])('%s', async (_name, method, path, body, status, field) => {
    const answer = await api.request<ConflictAnswer>(method, `/api/v1/${path}`, body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    if (field !== '') expect(answer.body.errors?.map((each) => each.field)).toContain(field);
  });

  test('a schema whose check does not end refuses payloads, and holds nobody up', async () => {
    const name = uniqueName('type');
    const payloadSchema = { type: 'string', pattern: '^(a+)+$' };
    expect((await api.request('PUT', `/api/v1/types/${name}`, { payloadSchema })).status).toBe(201);
    const jobs = Array.from({ length: 100 }, () => ({ type: name, payload: `${'a'.repeat(100)}!` }));
    const { status, body } = await api.request<{ rejected: number }>('POST', '/api/v1/jobs/batch', { jobs });
    expect([status, body.rejected]).toEqual([200, 100]);
  });

  test('a schema that refers to itself without end refuses payloads, and harms nobody', async () => {
    const name = uniqueName('type');
    await api.request('PUT', `/api/v1/types/${name}`, { payloadSchema: { $ref: '#' } });
    await eventually(async () => {
      const { status, body } = await api.request<ProblemAnswer>('POST', '/api/v1/jobs', { type: name });
      expect([status, body.errors?.[0]?.field]).toEqual([422, 'payload']);
    });
  });
});

test('a store that ends answers those who wait, and does not wait for them', async () => {
  const [store] = await cluster.add('store');
  const client = new ApiClient([store?.url ?? '']);
  const since = await now();
  const waiting = client.request<{ leases: unknown[] }>('POST', '/api/v1/leases', {
    types: [type],
    wait: '14s',
    worker: 'w',
  });
  await somebodyWaits(since);
  const startedAt = performance.now();
  await store?.terminate();
  expect(performance.now() - startedAt).toBeLessThan(5000);
  expect(await waiting).toMatchObject({ status: 200, body: { leases: [] } });
});

/** Resolves when some worker has looked for jobs in vain since then, and waits. */
async function somebodyWaits(since: Date): Promise<void> {
  await eventually(() =>
    withPostgres(cluster.databaseUrl, async (client) => {
      const { rowCount } = await client.query(
        `SELECT 1 FROM pg_stat_activity
         WHERE query LIKE '/* next_leasable */%' AND datname = current_database() AND query_start > $1`,
        [since],
      );
      return rowCount !== 0;
    }),
  );
}

/** The database's clock. */
async function now(): Promise<Date> {
  const { rows } = await withPostgres(cluster.databaseUrl, (client) =>
    client.query<{ now: Date }>('SELECT now()'),
  );
  return rows[0]?.now ?? new Date(0);
}
