/** Keys that keep a submission from making a second job, the dead-letter queue, and retention. */
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import pg from 'pg';
import { ApiClient, type Answer, type JobAnswer, type ProblemAnswer } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';

let cluster: Cluster;
let api: ApiClient;

beforeAll(async () => {
  cluster = await startCluster({ stores: 2, env: { RETENTION_CANCELLED: '60s' } });
  api = new ApiClient(cluster.of('store').map(({ url }) => url));
});

afterAll(() => cluster?.stop());

const later = { type: 'print', payload: { text: 'x' }, delay: '1h' };

async function postWithKey(key: string, body: object): Promise<Answer<JobAnswer & ProblemAnswer>> {
  return api.request('POST', '/api/v1/jobs', body, { 'idempotency-key': key });
}

describe('an Idempotency-Key', () => {
  test('makes one job of 50 submissions that arrive at once in two stores', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => postWithKey('once', later)));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(49);
  });

  test('with another body is refused, and names the key', async () => {
    await postWithKey('other', later);
    const { status, body } = await postWithKey('other', { ...later, priority: 1 });
    expect(status).toBe(422);
    expect(body.errors?.[0]?.field).toBe('Idempotency-Key');
  });

  test('of the wrong form is refused', async () => {
    expect((await postWithKey('with a blank', later)).status).toBe(400);
  });
});

describe('a uniqueKey', () => {
  const unique = (uniqueKey: string, uniquePolicy?: string) => ({ ...later, uniqueKey, uniquePolicy });
  const post = (body: object) => api.request<JobAnswer & ProblemAnswer>('POST', '/api/v1/jobs', body);

  test('lets one of 50 submissions through that arrive at once in two stores', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(unique('u1'))));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(49);
  });

  test('gives every caller the same job under return-existing', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => post(unique('u2', 'return-existing'))),
    );
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  });

  test('leaves one unfinished job after 20 replacements at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(unique('u3', 'replace'))));
    expect(answers.every(({ status }) => status === 201)).toBe(true);
    const jobs = await Promise.all(answers.map(({ body }) => api.get(body.id)));
    expect(jobs.filter(({ state }) => state === 'scheduled')).toHaveLength(1);
    expect(jobs.filter(({ state }) => state === 'cancelled')).toHaveLength(19);
  });

  test('is free again when its job has ended', async () => {
    const first = await api.submit(unique('u4'));
    await api.request('POST', `/api/v1/jobs/${first.id}/cancel`);
    expect((await post(unique('u4'))).status).toBe(201);
  });

  test('together with an Idempotency-Key: the repetition of a replacement does not replace again', async () => {
    const [first, second] = [
      await postWithKey('r1', unique('u5', 'replace')),
      await postWithKey('r1', unique('u5', 'replace')),
    ];
    expect([first.status, second.status, second.body.id]).toEqual([201, 200, first.body.id]);
    expect((await api.get(first.body.id)).state).toBe('scheduled');
  });
});

describe('the dead-letter queue', () => {
  const failing = (queue: string) => ({
    type: 'command',
    payload: { command: 'exit 9' },
    maxAttempts: 1,
    queue,
  });
  const dlq = <Body>(action: string, body: object) =>
    api.request<Body>('POST', `/api/v1/dead-letters/${action}`, body);

  test('lists, counts, drives again with the history kept, and purges', async () => {
    const jobs = await api.submitAll([failing('dlq'), failing('dlq'), failing('other')]);
    for (const { id } of jobs) await api.waitFor(id, ['dead']);
    const listed = await api.request<{ jobs: JobAnswer[] }>(
      'GET',
      '/api/v1/dead-letters?queue=dlq&error=CommandFailed',
    );
    expect(listed.body.jobs).toHaveLength(2);

    expect((await dlq('redrive', { queue: 'dlq', dryRun: true })).body).toEqual({ matched: 2, redriven: 0 });
    expect((await dlq('redrive', { queue: 'dlq', attempts: 1 })).body).toEqual({ matched: 2, redriven: 2 });
    const [first] = jobs;
    const again = await eventually(async () => {
      const job = await api.get(first?.id ?? '');
      expect(job).toMatchObject({ state: 'dead', attempt: 2 });
      return job;
    });
    expect(again.attempts?.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
      [1, 'failed'],
      [2, 'failed'],
    ]);

    expect((await dlq('purge', { queue: 'other' })).body).toEqual({ matched: 1, purged: 1 });
    expect((await api.request('GET', `/api/v1/jobs/${jobs[2]?.id}`)).status).toBe(404);
  });

  test('needs to be told which jobs are meant', async () => {
    expect((await dlq('purge', {})).status).toBe(422);
    expect((await api.request('POST', `/api/v1/jobs/${(await api.submit(later)).id}/redrive`)).status).toBe(
      409,
    );
  });

  test('is reached from the command line', async () => {
    const { id } = await api.submit(failing('cli'));
    await api.waitFor(id, ['dead']);
    const triumvir = async (...args: string[]) => {
      const program = resolve('dist/apps/cli/src/main.js');
      const { stdout } = await promisify(execFile)(process.execPath, [
        program,
        '--url',
        cluster.url,
        'dlq',
        ...args,
      ]);
      return stdout;
    };
    expect(await triumvir('list', '--queue', 'cli')).toContain(id.slice(0, 8));
    expect(await triumvir('redrive', '--queue', 'cli', '--dry-run')).toBe('1 match\n');
    expect(await triumvir('redrive', id, '--attempts', '1')).toContain(id.slice(0, 8));
    await api.waitFor(id, ['dead']);
    expect(await triumvir('purge', '--queue', 'cli')).toBe('1 of 1 purged\n');
  });
});

test('retention deletes finished jobs when their time has come, and no others', async () => {
  const [old, young, waiting] = await api.submitAll([later, later, later]);
  for (const job of [old, young]) await api.request('POST', `/api/v1/jobs/${job?.id}/cancel`);
  // A job as it would look after two minutes: its id tells when it was created.
  const database = new pg.Client({ connectionString: cluster.databaseUrl });
  await database.connect();
  const aged = Date.now() - 120_000;
  const agedId = `${aged.toString(16).padStart(12, '0')}${(old?.id ?? '').replaceAll('-', '').slice(12)}`;
  await database.query(
    `UPDATE jobs SET id = $1::uuid, finished_at = now() - interval '2 minutes' WHERE id = $2::uuid`,
    [agedId, old?.id],
  );
  const isThere = async (id: string) =>
    (await database.query('SELECT 1 FROM jobs WHERE id = $1::uuid', [id])).rowCount === 1;
  // The pruner rests for a minute when it has looked at everything; its next leader begins anew.
  await cluster.of('scheduler')[0]?.terminate();
  await cluster.add('scheduler');
  await eventually(async () => expect(await isThere(agedId)).toBe(false));
  expect(await isThere(young?.id ?? '')).toBe(true);
  expect(await isThere(waiting?.id ?? '')).toBe(true);
  await database.end();
});
