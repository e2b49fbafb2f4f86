/** The command line as it is built, against a real system: its exit codes, and what only shows there. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TriumvirClient } from '#client/client.js';
import { ROOT } from '#tools/root.js';
import { freePort } from '#tools/servers/server-process.js';
import { run } from '../../apps/cli/src/program.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';

const TRIUMVIR = join(ROOT, 'dist/apps/cli/src/main.js');

let cluster: Cluster;
let client: TriumvirClient;
let folder: string;
let stranger: Server;
let strangerUrl: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'triumvir-cli-'));
  cluster = await startCluster();
  client = new TriumvirClient({ baseUrl: cluster.url });
  // Another service: it has never heard of jobs.
  stranger = createServer((_request, response) => {
    response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"no such route"}');
  });
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  strangerUrl = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
});
afterAll(async () => {
  stranger?.closeAllConnections();
  stranger?.close();
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function triumvir(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const options = {
    cwd: folder,
    env: { PATH: process.env['PATH'], XDG_CONFIG_HOME: folder, STORE_SERVICE_URL: cluster.url, ...env },
    timeout: 60_000,
  };
  return new Promise((done) => {
    execFile(process.execPath, [TRIUMVIR, ...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      done({ code, stdout, stderr });
    });
  });
}

describe('exit codes', () => {
  test('0: done', async () => {
    const { code, stdout } = await triumvir(['submit', 'echo hello', '--wait', '-o', 'json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([{ state: 'succeeded' }]);
  });

  test('1: nobody answers, or it is no store, whatever it answers', async () => {
    const nobody = await triumvir(['list', '--url', `http://127.0.0.1:${await freePort()}`]);
    expect(nobody).toMatchObject({ code: 1, stdout: '' });
    expect(nobody.stderr).toContain('nobody listens there');
    const other = await triumvir(['get', '0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9a', '--url', strangerUrl]);
    expect(other).toMatchObject({ code: 1, stdout: '' });
    expect(other.stderr).toContain("is not a store's: HTTP 404 Not Found, without a problem document");
    expect(other.stderr).toContain('Does --url (or STORE_SERVICE_URL) name a Triumvir store');
  });

  test('2: usage, and what the store refuses', async () => {
    expect((await triumvir(['conquer'])).code).toBe(2);
    const refused = await triumvir(['submit', '--type', 'unheard-of']);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/^error: type: /);
  });

  test('3: the wait timed out', async () => {
    const { stdout } = await triumvir(['submit', 'true', '--delay', '1h']);
    expect((await triumvir(['wait', stdout.trim(), '--timeout', '200ms'])).code).toBe(3);
    expect((await triumvir(['cancel', stdout.trim(), '--wait'])).code).toBe(0);
  });

  test('5: a job did not succeed, waited for or followed', async () => {
    expect((await triumvir(['submit', 'exit 3', '--max-attempts', '1', '--wait'])).code).toBe(5);
    const followed = await triumvir(['submit', 'echo told; exit 3', '--max-attempts', '1', '--follow']);
    expect(followed).toMatchObject({ code: 5, stdout: 'told\n' });
    expect(followed.stderr).toMatch(/dead\n$/);
  });

  test('6: not found, or in conflict', async () => {
    expect((await triumvir(['get', '0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9a'])).code).toBe(6);
    const job = await client.submitJob({ type: 'print', payload: { text: 'x' } });
    await client.waitFor(job.id);
    expect((await triumvir(['job', 'cancel', job.id])).code).toBe(6);
  });
});

test('completion is loaded and used by bash as its manual says', async () => {
  const script =
    'source <("$0" "$1" completion bash); complete -p triumvir; COMP_WORDS=(triumvir job li) COMP_CWORD=2; _triumvir; echo "${COMPREPLY[@]}"';
  const stdout = await new Promise((done) => {
    execFile('bash', ['--norc', '-c', script, process.execPath, TRIUMVIR], (_error, text) => done(text));
  });
  expect(stdout).toBe('complete -F _triumvir triumvir\nlist\n');
});

test('a profile leads to its store', async () => {
  const saved = await triumvir(['config', 'set-profile', 'here', '--url', cluster.url, '--use']);
  expect(saved.code).toBe(0);
  expect((await triumvir(['cluster'], { STORE_SERVICE_URL: '' })).code).toBe(0);
  expect((await triumvir(['cluster', '--profile', 'here'], { STORE_SERVICE_URL: strangerUrl })).code).toBe(0);
  expect((await triumvir(['cluster'], { STORE_SERVICE_URL: strangerUrl })).code).toBe(1);
  expect((await triumvir(['cluster', '--profile', 'there'])).code).toBe(2);
  await triumvir(['config', 'remove', 'here']);
});

describe('top', () => {
  test('shows queues, rates, executors and running jobs once', async () => {
    const job = await client.submitJob({ type: 'command', payload: { command: 'sleep 30' }, name: 'long' });
    await eventually(async () => {
      const { state } = await client.get('/api/v1/jobs/{id}', { params: { path: { id: job.id } } });
      expect(state).toBe('running');
    });
    const { code, stdout } = await triumvir(['top', '--once', '--interval', '200ms', '-o', 'json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      elections: [{}, {}],
      executors: [{ running: 1 }],
      rates: { started: expect.any(Number) as number },
      queues: [{ name: 'default', counts: { running: 1 } }],
      running: [{ id: job.id }],
    });
    const table = await triumvir(['top', '--interval', '200ms']);
    expect(table.stdout).toMatch(/^[0-9a-f-]{36} +command +default .* long$/m);
    expect(table.stdout).not.toContain('\u001b');

    // Live, on a terminal: drawn anew until q is pressed, and then the terminal is as it was.
    const written: string[] = [];
    const keys = new Set<(text: string) => void>();
    const screen = { write: (text: string) => written.push(text), isTTY: true, columns: 120, rows: 30 };
    const stdin = {
      isTTY: true,
      on: (_event: string, listener: (text: string) => void) => keys.add(listener),
      off: (_event: string, listener: (text: string) => void) => keys.delete(listener),
      resume: () => undefined,
      pause: () => undefined,
    };
    const env = { XDG_CONFIG_HOME: folder, STORE_SERVICE_URL: cluster.url, NO_COLOR: '1' };
    const live = run(
      ['top', '--interval', '200ms'],
      { stdin, stdout: screen, stderr: screen, env },
      new AbortController().signal,
    );
    await eventually(() => expect(written.filter((text) => text.includes('long')).length).toBeGreaterThan(1));
    for (const press of keys) press('q');
    expect(await live).toBe(0);
    expect(written.at(-1)).toBe('\u001b[?25h\u001b[?1049l');
    await triumvir(['cancel', job.id]);
  });
});

describe('doctor', () => {
  const servers = () => ({
    DATABASE_URL: cluster.databaseUrl,
    REDIS_URL: cluster.env['REDIS_URL'] ?? '',
    ZOOKEEPER_HOST: cluster.env['ZOOKEEPER_HOST'] ?? '',
    ZOOKEEPER_ROOT: cluster.env['ZOOKEEPER_ROOT'] ?? '',
  });
  type Findings = { check: string; status: string; advice?: string }[];
  const findings = (stdout: string) => JSON.parse(stdout) as Findings;

  test('finds nothing wrong with a system that works', async () => {
    const { code, stdout } = await triumvir(['doctor', '-o', 'json'], servers());
    expect(findings(stdout).filter(({ status }) => status === 'fail')).toEqual([]);
    expect(code).toBe(0);
    expect(findings(stdout).map(({ check }) => check)).toEqual(
      expect.arrayContaining([
        'node',
        'store',
        'store: postgres',
        'API key',
        'leader: scheduler/shard-0',
        'executors',
        'postgres: schema',
        'postgres: clock',
        'redis',
        'zookeeper',
      ]),
    );
  });

  test('names the server that is down and what to do, and reads its address from the settings file', async () => {
    const port = await freePort();
    await writeFile(
      join(folder, '.env'),
      `REDIS_URL=redis://:secret-word@127.0.0.1:${port}\nZOOKEEPER_HOST=127.0.0.1:${port}\n`,
    );
    const { code, stdout } = await triumvir(['doctor'], {
      DATABASE_URL: `postgresql://a:secret-word@127.0.0.1:${port}/b`,
    });
    await rm(join(folder, '.env'));
    expect(code).toBe(1);
    expect(stdout).toMatch(/^fail {2}redis .*\n +→ is Redis up/m);
    expect(stdout).toMatch(/^fail {2}zookeeper .*\n +→ is ZooKeeper up/m);
    expect(stdout).toMatch(/^fail {2}postgres .*\n +→ is Postgres up/m);
    expect(stdout).toMatch(/^ok {4}store /m);
    expect(stdout).not.toContain('secret-word');
  });

  test('says of a database that has not been migrated how far behind it is', async () => {
    const empty = new URL(cluster.databaseUrl);
    empty.pathname = '/postgres';
    const { code, stdout } = await triumvir(['doctor', '-o', 'json'], { DATABASE_URL: empty.href });
    expect(code).toBe(1);
    expect(findings(stdout).find(({ check }) => check === 'postgres: schema')).toMatchObject({
      status: 'fail',
    });
  });

  test.each([
    ['nobody', () => freePort().then((port) => `http://127.0.0.1:${port}`)],
    ['a stranger', () => Promise.resolve(strangerUrl)],
  ])('fails when %s is where the store should be', async (_who, url) => {
    const { code, stdout } = await triumvir(['doctor', '-o', 'json'], { STORE_SERVICE_URL: await url() });
    expect(code).toBe(1);
    expect(findings(stdout).find(({ check }) => check === 'store')).toMatchObject({ status: 'fail' });
  });

  test('finds out that executors are gone', async () => {
    const [executor] = cluster.of('executor');
    await executor?.terminate();
    await eventually(async () => {
      const { code, stdout } = await triumvir(['doctor', '-o', 'json']);
      expect(code).toBe(1);
      expect(findings(stdout).find(({ check }) => check === 'executors')).toMatchObject({ status: 'fail' });
    });
  });
});

test('4: not authorised, without a key and beyond its scopes; a profile with a key opens the door', async () => {
  // The first key ends open access, so that nothing may come after this.
  const admin = (await triumvir(['key', 'create', '--name', 'admin', '--scope', 'admin'])).stdout.trim();
  expect((await triumvir(['list'])).code).toBe(4);
  const reader = await triumvir(['key', 'create', '--name', 'reader', '--scope', 'read'], {
    TRIUMVIR_API_KEY: admin,
  });
  expect(reader.code).toBe(0);
  await writeFile(join(folder, 'key'), reader.stdout);
  await triumvir([
    'config',
    'set-profile',
    'guarded',
    '--url',
    cluster.url,
    '--api-key-file',
    'key',
    '--use',
  ]);
  expect((await triumvir(['list'])).code).toBe(0);
  expect((await triumvir(['submit', 'true'])).code).toBe(4);
  const doctor = await triumvir(['doctor', '-o', 'json']);
  expect(doctor.stdout).toContain('the key of profile guarded is valid, with the scope read, without admin');
  const wrong = await triumvir(['doctor'], { TRIUMVIR_API_KEY: 'tv_made-up' });
  expect(wrong.code).toBe(1);
  expect(wrong.stdout).toMatch(/^fail {2}API key .*TRIUMVIR_API_KEY.*\n +→ /m);
});
