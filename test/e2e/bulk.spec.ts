/** Bulk operations on two stores, of which one is killed in the middle. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from '#tools/root.js';
import { withPostgres } from '#tools/sql.js';
import { ApiClient, type JobAnswer, type ProblemAnswer } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { uniqueName } from '../support/environment.js';
import { eventually } from '../support/eventually.js';

const JOBS = 5000;

interface BulkAnswer {
  readonly id: string;
  readonly state: string;
  readonly percent: number;
  readonly matched: number;
  readonly done: number;
  readonly skipped: Readonly<Record<string, number>>;
}

let cluster: Cluster;
let api: ApiClient;

beforeAll(async () => {
  cluster = await startCluster({ stores: 2 });
  api = new ApiClient([cluster.of('store')[1]?.url ?? '']);
});
afterAll(() => cluster?.stop());

const print = (rest: object = {}) => ({ type: 'print', payload: { text: 'x' }, delay: '1h', ...rest });

async function submitMany(count: number, rest: object): Promise<void> {
  const jobs = Array.from({ length: count }, () => print(rest));
  const { status } = await api.request('POST', '/api/v1/jobs/batch', { jobs });
  expect(status).toBe(200);
}

const ask = (body: object, by = api) => by.request<BulkAnswer>('POST', '/api/v1/bulk', body);
const look = async (id: string) => (await api.request<BulkAnswer>('GET', `/api/v1/bulk/${id}`)).body;
const count = async (filter: object) =>
  (
    await api.request<{ byState: Record<string, number> }>('POST', '/api/v1/bulk', {
      action: 'delete',
      filter,
      dryRun: true,
    })
  ).body.byState;
const ended = (id: string) =>
  eventually(
    async () => {
      const operation = await look(id);
      expect(operation.state).not.toBe('running');
      return operation;
    },
    { within: 60_000 },
  );

test('an operation whose store is killed is brought to its end by the other one, each job done once', async () => {
  const queue = uniqueName('queue');
  await submitMany(JOBS, { queue });
  expect(await count({ queue })).toEqual({ scheduled: JOBS });

  const victim = cluster.of('store')[0];
  if (victim === undefined) throw new Error('there is no store');
  const begun = await withPostgres(cluster.databaseUrl, async (other) => {
    // While somebody holds one of the jobs, the operation cannot be over.
    await other.query('BEGIN');
    await other.query('SELECT 1 FROM jobs WHERE queue = $1 LIMIT 1 FOR UPDATE', [queue]);
    const answer = await ask({ action: 'cancel', filter: { queue } }, new ApiClient([victim.url]));
    await eventually(async () => (await look(answer.body.id)).done > 0);
    await victim.kill();
    expect(await look(answer.body.id)).toMatchObject({ state: 'running' });
    return answer;
  });
  expect(begun.status).toBe(202);
  expect(begun.headers.get('location')).toBe(`/api/v1/bulk/${begun.body.id}`);
  const operation = await ended(begun.body.id);
  expect(operation).toMatchObject({ state: 'done', percent: 100, matched: JOBS, done: JOBS, skipped: {} });
  expect(await count({ queue })).toEqual({ cancelled: JOBS });
});

test('running commands end, dead ones come back, and what is over is deleted', async () => {
  const queue = uniqueName('queue');
  const command = (text: string) => ({ type: 'command', payload: { command: text }, queue, maxAttempts: 1 });
  const running = await api.submit(command('sleep 60'));
  const dead = await api.submit(command('exit 7'));
  await api.waitFor(running.id, ['running']);
  await api.waitFor(dead.id, ['dead']);

  const retried = await ask({ action: 'retry', attempts: 1, filter: { q: `queue:${queue} state:dead` } });
  expect(await ended(retried.body.id)).toMatchObject({ matched: 1, done: 1 });
  expect(await api.waitFor(dead.id, ['dead'])).toMatchObject({ attempt: 2 });

  const cancelled = await ask({ action: 'cancel', filter: { queue } });
  expect(await ended(cancelled.body.id)).toMatchObject({ done: 1, skipped: { ended: 1 } });
  await api.waitFor(running.id, ['cancelled']);

  const deleted = await ask({ action: 'delete', filter: { queue } });
  expect(await ended(deleted.body.id)).toMatchObject({ done: 2 });
  expect((await api.request('GET', `/api/v1/jobs/${dead.id}`)).status).toBe(404);
});

test('jobs that were handed over and wait for an executor start by their new priority', async () => {
  const queue = uniqueName('queue');
  const command = (name: string) => ({
    type: 'command',
    payload: { command: 'true' },
    name,
    queue,
    priority: 5,
  });
  // Nobody drains the queue while it is paused; what is due then waits in Postgres.
  await api.request('PUT', `/api/v1/queues/${queue}`, { concurrency: 1 });
  await api.request('POST', `/api/v1/queues/${queue}/pause`);
  const first = await api.submit(command('first'));
  const urgent = await api.submit(command('urgent'));
  const operation = await ask({ action: 'reprioritise', priority: 0, filter: { queue, q: 'name:urgent' } });
  expect(await ended(operation.body.id)).toMatchObject({ matched: 1, done: 1 });
  await api.request('POST', `/api/v1/queues/${queue}/resume`);
  const startOf = async ({ id }: JobAnswer) => Date.parse((await api.waitFor(id)).startedAt ?? '');
  expect(await startOf(urgent)).toBeLessThanOrEqual(await startOf(first));
});

test.each<[string, object, string]>([
  ['nothing that says which jobs', { action: 'cancel' }, 'all'],
  ['a query of blanks', { action: 'cancel', filter: { queue: 'q', q: '  ' } }, 'filter.q'],
  ['a wrong query', { action: 'cancel', filter: { q: 'stat:dead' } }, 'filter.q'],
  ['an unknown action', { action: 'destroy', all: true }, 'action'],
  ['no priority', { action: 'reprioritise', all: true }, 'priority'],
  ['attempts where none are needed', { action: 'cancel', all: true, attempts: 1 }, 'attempts'],
  ['an unknown state', { action: 'cancel', filter: { state: ['gone'] } }, 'filter.state.0'],
])('%s is refused, and begins nothing', async (_what, body, field) => {
  const { body: before } = await api.request<{ operations: unknown[] }>('GET', '/api/v1/bulk');
  const answer = await api.request<ProblemAnswer>('POST', '/api/v1/bulk', body);
  expect(answer.status).toBe(422);
  expect(answer.body.errors?.map((error) => error.field)).toEqual([field]);
  const { body: after } = await api.request<{ operations: unknown[] }>('GET', '/api/v1/bulk');
  expect(after.operations).toHaveLength(before.operations.length);
});

test('the command line counts, begins, waits and tells what came of it', async () => {
  const queue = uniqueName('queue');
  await submitMany(3, { queue });
  await submitMany(1, { queue, tags: ['kept'] });
  const triumvir = async (...args: string[]) => {
    const command = [
      join(ROOT, 'dist/apps/cli/src/main.js'),
      '--url',
      cluster.of('store')[1]?.url ?? '',
      ...args,
    ];
    return (await promisify(execFile)(process.execPath, command)).stdout;
  };
  const those = ['--queue', queue, '-q', 'state:scheduled'];
  expect(await triumvir('bulk', 'cancel', ...those, '--dry-run')).toBe('4 match: 4 scheduled\n');
  const first = ['--queue', queue, '--tag', 'kept', '--priority', '1', '--wait'];
  expect(await triumvir('bulk', 'reprioritise', ...first)).toBe('1 of 1 reprioritised\n');
  expect(await triumvir('bulk', 'cancel', ...those, '--wait')).toBe('4 of 4 cancelled\n');
  expect(await triumvir('bulk', 'retry', '--queue', queue, '--wait')).toBe(
    '0 of 4 retried; left alone: 4 not-dead\n',
  );
  const [latest] = JSON.parse(await triumvir('bulk', 'list', '--limit', '1', '-o', 'json')) as BulkAnswer[];
  expect(latest).toMatchObject({ action: 'retry', state: 'done', matched: 4 });
  expect(await triumvir('bulk', 'get', latest?.id ?? '')).toContain('0 of 4 retried');
  expect(await triumvir('list', '--queue', queue, '-q', 'tag:kept', '-o', 'jsonl')).toContain('"priority":1');
});

test('a repetition with the same Idempotency-Key begins nothing new, another request with it is refused', async () => {
  const body = { action: 'cancel', filter: { queue: uniqueName('queue') } };
  const headers = { 'idempotency-key': uniqueName('key') };
  const send = (request: object) =>
    api.request<BulkAnswer & ProblemAnswer>('POST', '/api/v1/bulk', request, headers);
  const [first, ...others] = await Promise.all([send(body), send(body), send(body)]);
  expect([first, ...others].map(({ status }) => status)).toEqual([202, 202, 202]);
  expect(new Set([first, ...others].map((answer) => answer.body.id)).size).toBe(1);
  const refused = await send({ ...body, action: 'delete' });
  expect(refused.status).toBe(422);
  expect(refused.body.errors?.[0]?.field).toBe('Idempotency-Key');
  const { body: list } = await api.request<{ operations: { filter: object }[] }>('GET', '/api/v1/bulk');
  expect(list.operations.filter(({ filter }) => isDeepStrictEqual(filter, body.filter))).toHaveLength(1);
});

test('one that has ended cannot be stopped', async () => {
  const { body } = await ask({ action: 'cancel', filter: { queue: uniqueName('empty') } });
  await ended(body.id);
  expect((await api.request('POST', `/api/v1/bulk/${body.id}/cancel`)).status).toBe(409);
});
