/** examples/worker.py, which needs nothing but Python, runs real jobs; and nothing is lost when it is killed. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '#tools/root.js';
import { ApiClient, type ProblemAnswer } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';

const WORKER = join(ROOT, 'examples', 'worker.py');
/** What of Python's standard library it uses. */
const STANDARD = [
  'concurrent',
  'http',
  'json',
  'os',
  'signal',
  'socket',
  'sys',
  'threading',
  'time',
  'urllib',
];

test('the Python worker has 60 lines at most, and imports nothing but the standard library', async () => {
  const text = await readFile(WORKER, 'utf8');
  expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(60);
  const imported = [...text.matchAll(/^\s*(?:import\s+(.+)|from\s+(\S+)\s+import\b.*)$/gm)].flatMap(
    ([, modules, from]) => (from ?? modules ?? '').split(',').map((name) => name.trim().split(/[.\s]/)[0]),
  );
  expect(imported.length).toBeGreaterThan(0);
  expect(imported.filter((name) => !STANDARD.includes(name ?? ''))).toEqual([]);
});

// Not even in CI is a machine without Python at fault: `make test` needs Node, npm and make, and provides servers only.
const hasPython = spawnSync('python3', ['--version']).status === 0;
if (!hasPython)
  process.stderr.write('python-worker.spec.ts is skipped: there is no python3 on this machine\n');

describe.skipIf(!hasPython)('the Python worker', () => {
  let cluster: Cluster;
  let api: ApiClient;
  const workers: ChildProcess[] = [];

  beforeAll(async () => {
    cluster = await startCluster();
    api = new ApiClient([cluster.url]);
  });
  afterEach(async () => {
    for (const worker of workers.splice(0)) await kill(worker, 'SIGKILL');
  });
  afterAll(() => cluster?.stop());

  /** Resolves when its job type has been announced. */
  async function startWorker(leaseSeconds = 30): Promise<ChildProcess> {
    const worker = spawn('python3', [WORKER], {
      env: { ...process.env, STORE_SERVICE_URL: cluster.url, LEASE_SECONDS: String(leaseSeconds) },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    workers.push(worker);
    // The store knows the type, and its schema.
    await eventually(
      async () => {
        const { body } = await api.request<ProblemAnswer>('POST', '/api/v1/jobs', {
          type: 'word-count',
          payload: { text: 1 },
        });
        return body.errors?.[0]?.field === 'payload.text';
      },
      { within: 20_000 },
    );
    return worker;
  }

  const count = (text: string, rest: object = {}) => ({
    type: 'word-count',
    payload: { text, ...rest },
    retry: { strategy: 'fixed', delay: 0 },
  });
  const outputOf = async (id: string) =>
    (await api.request<{ stdout: string }>('GET', `/api/v1/jobs/${id}/output`)).body.stdout;

  test('runs jobs, keeps what they write, and says why one failed', async () => {
    await startWorker();
    const jobs = await api.submitAll(Array.from({ length: 30 }, (_, n) => count('word '.repeat(n + 1))));
    for (const [n, { id }] of jobs.entries())
      expect(await api.waitFor(id)).toMatchObject({ state: 'succeeded', result: { words: n + 1 } });
    expect(await outputOf(jobs[6]?.id ?? '')).toBe('7 words so far\n');

    const { id } = await api.submit({ ...count(' '), maxAttempts: 2 });
    expect(await api.waitFor(id)).toMatchObject({
      state: 'dead',
      attempt: 2,
      error: { name: 'ValueError', message: 'the text has no words' },
    });

    const refused = await api.request<ProblemAnswer>('POST', '/api/v1/jobs', {
      type: 'word-count',
      payload: { text: 1 },
    });
    expect([refused.status, refused.body.errors?.[0]?.field]).toEqual([422, 'payload.text']);
  });

  test('ends a job whose cancel is asked for, within a third of its lease', async () => {
    await startWorker(5);
    const { id } = await api.submit(count('a b\nc d', { secondsPerLine: 60 }));
    await api.waitFor(id, ['running']);
    await api.request('POST', `/api/v1/jobs/${id}/cancel`);
    expect(await api.waitFor(id, ['cancelled'], 8000)).toMatchObject({ attempt: 1 });
  });

  test('keeps a job that takes longer than its lease by its heartbeats', async () => {
    await startWorker(5);
    const { id } = await api.submit(count('a\nb\nc\nd', { secondsPerLine: 1.8 }));
    expect(await api.waitFor(id)).toMatchObject({ state: 'succeeded', attempt: 1, result: { words: 4 } });
  });

  test('that is killed loses its jobs, and the next one runs them', async () => {
    const first = await startWorker(5);
    const { id } = await api.submit(count('a b c\nd', { secondsPerLine: 2 }));
    await eventually(async () => (await outputOf(id).catch(() => '')) === '3 words so far\n');
    await kill(first, 'SIGKILL');
    await startWorker(5);
    const job = await api.waitFor(id, undefined, 30_000);
    expect(job).toMatchObject({ state: 'succeeded', attempt: 2, result: { words: 4 } });
    expect(job.attempts?.map(({ outcome }) => outcome)).toEqual(['lost', 'succeeded']);
  });

  test('that is told to end finishes what it runs first', async () => {
    const worker = await startWorker();
    const { id } = await api.submit(count('a\nb', { secondsPerLine: 1 }));
    await api.waitFor(id, ['running']);
    await kill(worker, 'SIGTERM');
    expect(worker.exitCode).toBe(0);
    expect(await api.get(id)).toMatchObject({ state: 'succeeded', attempt: 1 });
  });
});

async function kill(worker: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const ended = once(worker, 'exit');
  worker.kill(signal);
  await ended;
}
