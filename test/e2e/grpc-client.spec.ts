/** The client and the page of the Go, Redis and etcd scheduler, as programs, against several stores. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '#tools/root.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';

let cluster: Cluster;
let folder: string;
let servers: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'triumvir-client-'));
  cluster = await startCluster({ stores: 3 });
  servers = cluster.of('store').map(({ grpcAddress }) => grpcAddress);
});

afterAll(async () => {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

function client(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { PATH: process.env['PATH'] ?? '', ...env } };
    const child = execFile(join(ROOT, 'bin', 'client'), args, options, (_error, stdout, stderr) =>
      resolve({ exitCode: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}

async function jobsFile(...jobs: object[]): Promise<string> {
  const file = join(folder, 'jobs.json');
  await writeFile(file, JSON.stringify({ jobs }));
  return file;
}

const echo = (name: string) => ({ name, command: `echo "it is ${name}"`, description: `says ${name}` });

describe('the client', () => {
  test('hands the jobs of a file to all servers in turn and asks the others', async () => {
    await jobsFile(echo('one'), echo('two'), echo('three'));
    const { exitCode, stdout } = await client(['-file=jobs.json', `-servers=${servers.join(',')}`]);
    expect(exitCode).toBe(0);
    for (const [index, name] of ['one', 'two', 'three'].entries()) {
      expect(stdout).toMatch(new RegExp(`${name}: Job submitted: \\S+ \\(to ${servers[index]}\\)`));
      expect(stdout).not.toMatch(new RegExp(`${name}: Job status: \\S+ \\(from ${servers[index]}\\)`));
      expect(stdout).toContain(`${name}: Job output:\nit is ${name}\n`);
    }
    expect(stdout).toContain('3 succeeded, 0 failed');
  });

  test('submits to one server and asks others, by flags as by the environment', async () => {
    const [submit = '', ...status] = servers;
    await jobsFile(echo('one'), echo('two'));
    const byFlags = await client([
      '-file=jobs.json',
      `-submit-server=${submit}`,
      `-status-servers=${status.join(',')}`,
      '-concurrent',
    ]);
    const byEnvironment = await client(['-file', 'jobs.json'], {
      SUBMIT_SERVER: submit,
      STATUS_SERVERS: status.join(','),
      SERVERS: 'localhost:1',
    });
    for (const { exitCode, stdout } of [byFlags, byEnvironment]) {
      expect(exitCode).toBe(0);
      expect(stdout.match(/\(to (.*)\)/g)).toEqual([`(to ${submit})`, `(to ${submit})`]);
      for (const [, from] of stdout.matchAll(/\(from (.*)\)/g)) expect(status).toContain(from);
    }
  });

  test('runs all jobs at once with -concurrent', async () => {
    await jobsFile(...Array.from({ length: 4 }, (_, index) => ({ name: `n${index}`, command: 'sleep 3' })));
    const { stdout } = await client(['-file=jobs.json', '-concurrent'], { SERVERS: servers.join(',') });
    const lastSubmitted = stdout.lastIndexOf('Job submitted');
    expect(lastSubmitted).toBeLessThan(stdout.indexOf('SUCCEEDED'));
  });

  test('goes on with the servers that are left', async () => {
    await jobsFile(echo('one'), echo('two'));
    const { exitCode, stdout } = await client(['-file=jobs.json', `-servers=127.0.0.1:1,${servers[0]}`]);
    expect([exitCode, stdout.match(/Job submitted/g)?.length]).toEqual([0, 2]);
  });

  test('tells by its exit code that a job failed, and with which output', async () => {
    await jobsFile({ name: 'bad', command: 'echo no; exit 3', description: '' });
    const { exitCode, stdout } = await client(['-file=jobs.json'], { SERVERS: servers[0] ?? '' });
    expect(exitCode).toBe(5);
    expect(stdout).toMatch(/bad: Job status: FAILED.*\n.*Job output:\nno\n0 succeeded, 1 failed/);
  });

  test.each<[string, string[], string]>([
    ['no work', [], 'nothing to run'],
    ['a file that is not there', ['-file=nowhere.json'], 'cannot read nowhere.json'],
    ['an unknown flag', ['-nope'], '-nope is no flag'],
    ['an address that is none', ['-cmd=true', '-servers=x'], 'x must be host:port'],
  ])('refuses %s with exit code 2', async (_name, args, message) => {
    const { exitCode, stderr } = await client(args);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(`error: `)]);
    expect(stderr).toContain(message);
  });

  test('says what a server refused, with exit code 1', async () => {
    const { exitCode, stderr } = await client(['-cmd=  ', `-servers=${servers[0]}`]);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('command: must not be empty')]);
  });
});

describe('the page', () => {
  let process_: ChildProcess;
  let url: string;

  beforeAll(async () => {
    const program = join(ROOT, 'dist', 'apps', 'cli', 'src', 'compat', 'web-ui-main.js');
    process_ = spawn(process.execPath, [program, '-addr=:0', `-servers=${servers.join(',')}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(
      createInterface({ input: process_.stdout as NodeJS.ReadableStream }),
      'line',
    )) as [string];
    url = /http:\S+/.exec(line)?.[0] ?? '';
  });

  afterAll(() => process_?.kill());

  async function form(): Promise<string> {
    const html = await (await fetch(url)).text();
    return /name="token" value="([^"]+)"/.exec(html)?.[1] ?? '';
  }

  function submit(fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(url, { method: 'POST', body: new URLSearchParams(fields), headers, redirect: 'manual' });
  }

  test('offers every server, runs a command on one, and shows what another says of it', async () => {
    const html = await (await fetch(url)).text();
    for (const server of servers) expect(html).toContain(`${server}</option>`);
    const answer = await submit({
      token: await form(),
      submit_server: servers[2] ?? '',
      status_server: servers[1] ?? '',
      command: "echo '<i>done</i>'",
    });
    expect(answer.status).toBe(303);
    const shown = await eventually(async () => {
      const text = await (await fetch(new URL(answer.headers.get('location') ?? '', url))).text();
      expect(text).toContain('SUCCEEDED');
      return text;
    });
    expect(shown).toContain(`says ${servers[1]}`);
    expect(shown).toContain('<pre>&lt;i&gt;done&lt;/i&gt;');
  });

  test('takes no form of another page, and reaches no other server', async () => {
    expect((await submit({ command: 'true' })).status).toBe(403);
    expect((await submit({ token: 'x'.repeat(32), command: 'true' })).status).toBe(403);
    const elsewhere = await submit({ token: await form(), submit_server: 'localhost:22', command: 'true' });
    expect([elsewhere.status, await elsewhere.text()]).toEqual([
      502,
      expect.stringContaining('must be one of'),
    ]);
  });

  test('says what a server refuses', async () => {
    const refused = await submit({ token: await form(), command: ' ' });
    expect([refused.status, await refused.text()]).toEqual([
      502,
      expect.stringContaining('must not be empty'),
    ]);
    const unknown = await fetch(`${url}/?job=nobody`);
    expect([unknown.status, await unknown.text()]).toEqual([
      502,
      expect.stringContaining('no job with id nobody'),
    ]);
  });
});
