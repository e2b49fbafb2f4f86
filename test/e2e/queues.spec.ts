/** Queues as their users meet them: over HTTP and on the command line, with what has been handed over already. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ROOT } from '#tools/root.js';
import { ApiClient, type ProblemAnswer } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { uniqueName } from '../support/environment.js';
import { eventually } from '../support/eventually.js';
import { openWorkLedger, type WorkLedger } from '../support/work-ledger.js';

interface QueueAnswer {
  readonly name: string;
  readonly state: string;
  readonly applied?: string;
  readonly settings: object;
  readonly counts: Readonly<Record<'scheduled' | 'queued' | 'running' | 'dead', number>>;
  readonly version: number;
}

let cluster: Cluster;
let api: ApiClient;
let ledger: WorkLedger;
let name: string;
let path: string;

beforeAll(async () => {
  ledger = await openWorkLedger();
  cluster = await startCluster({ env: { EXECUTOR_SLOTS: '2', EXECUTOR_HANDLERS: ledger.handlers } });
  api = new ApiClient([cluster.url]);
});
afterAll(async () => {
  await cluster?.stop();
  await ledger?.remove();
});
beforeEach(() => {
  name = uniqueName('queue');
  path = `/api/v1/queues/${name}`;
});

const UNLIMITED = { concurrency: null, concurrencyPerKey: 1, rateLimit: null, drain: 'shared' };
const work = (ms: number, rest: object = {}) => ({ type: 'work', queue: name, payload: { ms }, ...rest });
const get = async () => (await api.request<QueueAnswer>('GET', path)).body;

describe('over HTTP', () => {
  test('PUT creates a queue with 201, its location, its ETag, and every default filled in', async () => {
    const { status, headers, body } = await api.request<QueueAnswer>('PUT', path, { concurrency: 5 });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(path);
    expect(headers.get('etag')).toBe('"1"');
    expect(body).toMatchObject({
      name,
      applied: 'created',
      state: 'active',
      settings: { ...UNLIMITED, concurrency: 5 },
      counts: { scheduled: 0, queued: 0, running: 0, dead: 0 },
    });
  });

  test('PUT sets all that it is given and the defaults of the rest; a second time it changes nothing', async () => {
    await api.request('PUT', path, { concurrency: 5 });
    const given = { concurrencyPerKey: 3, rateLimit: { limit: 60, interval: '1m' } };
    const changed = await api.request<QueueAnswer>('PUT', path, given);
    expect(changed).toMatchObject({
      status: 200,
      body: {
        applied: 'updated',
        version: 2,
        settings: { concurrency: null, concurrencyPerKey: 3, rateLimit: { limit: 60, interval: 60_000 } },
      },
    });
    const again = await api.request<QueueAnswer>('PUT', path, changed.body.settings);
    expect(again.body).toMatchObject({ applied: 'unchanged', version: 2 });
  });

  test('an ETag keeps a change from overwriting another one', async () => {
    await api.request('PUT', path, {});
    const insist = (tag: string) => api.request('PUT', path, { concurrency: 2 }, { 'if-match': tag });
    expect((await insist('"7"')).status).toBe(412);
    expect((await insist('nonsense')).status).toBe(400);
    expect((await insist('"1"')).status).toBe(200);
    expect((await insist('"1"')).status).toBe(412);
    expect((await api.request('DELETE', path, undefined, { 'if-match': '"1"' })).status).toBe(412);
    expect((await api.request('DELETE', path, undefined, { 'if-match': '"2"' })).status).toBe(200);
    expect((await insist('"2"')).status).toBe(412);
  });

  test.each([
    [{ concurrency: 0 }, 'concurrency'],
    [{ concurrency: '5' }, 'concurrency'],
    [{ concurrencyPerKey: null }, 'concurrencyPerKey'],
    [{ concurrencyPerKey: 2 ** 40 }, 'concurrencyPerKey'],
    [{ rateLimit: { limit: 5 } }, 'rateLimit.interval'],
    [{ rateLimit: { limit: 0, interval: '1s' } }, 'rateLimit.limit'],
    [{ rateLimit: { limit: 5, interval: '999ms' } }, 'rateLimit.interval'],
    [{ rateLimit: 5 }, 'rateLimit'],
    [{ speed: 5 }, 'speed'],
    [[], ''],
  ])('%j is refused, naming %s', async (given, field) => {
    const { status, body } = await api.request<ProblemAnswer>('PUT', path, given);
    expect(status).toBe(422);
    expect(body.errors?.map((error) => error.field)).toEqual([field]);
  });

  test('what there is not is answered with 404, and a name that cannot be with 400', async () => {
    for (const [method, url] of [
      ['GET', path],
      ['DELETE', path],
      ['POST', `${path}/pause`],
      ['POST', `${path}/resume`],
    ] as const)
      expect((await api.request(method, url)).status).toBe(404);
    expect((await api.request('PUT', '/api/v1/queues/a%20b', {})).status).toBe(400);
  });

  test('a queue comes into being with its first job, is counted, and can be deleted when it is empty', async () => {
    const { id } = await api.submit(work(0, { delay: '1h' }));
    expect(await get()).toMatchObject({ settings: UNLIMITED, counts: { scheduled: 1 } });
    const refused = await api.request<ProblemAnswer>('DELETE', path);
    expect(refused.status).toBe(409);
    expect(refused.body.detail).toContain('scheduled');
    await api.request('POST', `/api/v1/jobs/${id}/cancel`);
    expect((await api.request('DELETE', path)).status).toBe(200);
    expect((await api.request('GET', path)).status).toBe(404);
    // With the next job it is there again, in the same store too.
    expect((await api.waitFor((await api.submit(work(0))).id)).state).toBe('succeeded');
    expect(await get()).toMatchObject({ name });
  });

  test('all queues are listed, page by page', async () => {
    const made = [1, 2, 3].map((n) => `${name}_${n}`);
    for (const one of made) await api.request('PUT', `/api/v1/queues/${one}`, {});
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const query: string = after === null ? '' : `&after=${after}`;
      const { body } = await api.request<{ queues: QueueAnswer[]; nextAfter: string | null }>(
        'GET',
        `/api/v1/queues?limit=2${query}`,
      );
      seen.push(...body.queues.map((queue) => queue.name));
      after = body.nextAfter;
    } while (after !== null);
    expect(seen).toEqual(expect.arrayContaining(made));
    expect(seen).toEqual(seen.toSorted((a, b) => (a < b ? -1 : 1)));
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('jobs, schedules and their answers have keys', async () => {
    const keys = { concurrencyKey: 'printer 1', fairnessKey: 'tenant "ä"' };
    const job = await api.submit(work(0, keys));
    expect(job).toMatchObject(keys);
    expect(await api.waitFor(job.id)).toMatchObject({ ...keys, state: 'succeeded' });
    const schedule = await api.request('POST', '/api/v1/schedules', {
      name,
      cron: '@yearly',
      job: work(0, keys),
    });
    expect(schedule.body).toMatchObject({ definition: { job: keys } });
    const run = await api.request<{ jobId: string }>('POST', `/api/v1/schedules/${name}/run`);
    expect(await api.waitFor(run.body.jobId)).toMatchObject({ ...keys, state: 'succeeded' });
    const refused = await api.request<ProblemAnswer>('POST', '/api/v1/jobs', work(0, { fairnessKey: '' }));
    expect(refused.status).toBe(422);
  });
});

describe('pause', () => {
  test('takes effect on what is handed over already; what runs goes on, and resume lets all go', async () => {
    const jobs = await api.submitAll(Array.from({ length: 30 }, () => work(300)));
    // Two run, and the rest is in the executor's queue.
    await eventually(async () => expect((await get()).counts).toMatchObject({ running: 2, scheduled: 0 }));
    const { status, headers, body } = await api.request<QueueAnswer>('POST', `${path}/pause`);
    expect(status).toBe(200);
    expect(headers.get('etag')).toBe('"2"');
    expect(body).toMatchObject({ state: 'paused', counts: { queued: 0 } });
    const running = body.counts.running;
    expect(body.counts.scheduled).toBeGreaterThan(20);
    await eventually(async () => expect((await get()).counts.running).toBe(0));
    // A second is several times as long as it takes to start a job.
    const later = Date.now() + 1000;
    await eventually(() => Date.now() > later);
    expect((await get()).counts).toMatchObject({ scheduled: body.counts.scheduled, queued: 0, running: 0 });

    const more = await api.submit(work(0));
    await api.request('POST', `${path}/resume`);
    const ended = await Promise.all([...jobs, more].map(({ id }) => api.waitFor(id, undefined, 60_000)));
    expect(ended.every(({ state, attempt }) => state === 'succeeded' && attempt === 1)).toBe(true);
    expect(running).toBeLessThanOrEqual(2);
  });

  test('holds with no leader there, and through the start of the next one', async () => {
    const [scheduler] = cluster.of('scheduler').slice(-1);
    await api.submitAll(Array.from({ length: 20 }, () => work(200)));
    await eventually(async () => expect((await get()).counts).toMatchObject({ running: 2, scheduled: 0 }));
    await scheduler?.kill();
    expect((await api.request<QueueAnswer>('POST', `${path}/pause`)).body.counts.queued).toBe(0);
    await cluster.add('scheduler');
    await eventually(async () => expect((await get()).counts.running).toBe(0));
    const other = await api.submit({ type: 'work', queue: uniqueName('other'), payload: { ms: 0 } });
    expect((await api.waitFor(other.id)).state).toBe('succeeded');
    expect((await get()).counts).toMatchObject({ queued: 0, running: 0 });
    await api.request('POST', `${path}/resume`);
    await eventually(async () => expect((await get()).counts).toMatchObject({ scheduled: 0, running: 0 }), {
      within: 20_000,
    });
  });
});

describe('on the command line', () => {
  const triumvir = (...args: string[]) =>
    new Promise<{ code: number; out: string }>((resolve) => {
      execFile(
        process.execPath,
        [join(ROOT, 'dist/apps/cli/src/main.js'), '--url', cluster.url, 'queue', ...args],
        (error, stdout, stderr) =>
          resolve({ code: typeof error?.code === 'number' ? error.code : 0, out: stdout + stderr }),
      );
    });
  const settings = async () => (await get()).settings;

  test('a queue is made, changed setting by setting, paused, resumed, listed and deleted', async () => {
    expect((await triumvir('set', name, '--concurrency', '5', '--rate', '10/1s')).code).toBe(0);
    expect(await settings()).toEqual({
      concurrency: 5,
      concurrencyPerKey: 1,
      rateLimit: { limit: 10, interval: 1000 },
      drain: 'shared',
    });
    expect(await triumvir('set', name, '--per-key', '2', '--rate', 'none')).toMatchObject({ code: 0 });
    expect(await settings()).toEqual({
      concurrency: 5,
      concurrencyPerKey: 2,
      rateLimit: null,
      drain: 'shared',
    });
    await triumvir('set', name, '--concurrency', 'none');
    expect(await settings()).toEqual({ ...UNLIMITED, concurrencyPerKey: 2 });
    expect((await triumvir('pause', name)).out).toMatch(new RegExp(`^${name} +paused`, 'm'));
    expect((await triumvir('list')).out).toContain(name);
    expect((await triumvir('resume', name)).out).toMatch(new RegExp(`^${name} +active`, 'm'));
    expect(JSON.parse((await triumvir('get', name, '-o', 'json')).out)).toMatchObject({ name, version: 5 });
    expect((await triumvir('delete', name)).code).toBe(0);
    expect(await triumvir('get', name)).toMatchObject({ code: 6 });
  });

  test.each([
    [['set', 'q'], 'give at least one of'],
    [['set', 'q', '--rate', '10'], 'must be a number and an interval'],
    [['set', 'q', '--rate', '0/1s'], 'must be a number and an interval'],
    [['set', 'q', '--concurrency', '0'], 'must be a whole number from 1'],
    [['set', 'a b', '--concurrency', '1'], 'must be 1 to 100 letters'],
    [['set', 'q', '--rate', '10/1ms'], 'rateLimit.interval'],
  ])('%j ends with 2 and says what is wrong', async (args, message) => {
    expect(await triumvir(...args)).toMatchObject({
      code: 2,
      out: expect.stringContaining(message) as string,
    });
  });
});
