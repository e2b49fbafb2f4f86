/**
 * The commands that users of the Go, Redis and etcd scheduler know, really run, in a copy of what was built: with a
 * Postgres, a Redis and a ZooKeeper of its own, on ports of its own, and nothing left of it in the end.
 */
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isAlive } from '#tools/process-identity.js';
import { ProcessRegistry, type ProcessRecord } from '#tools/process-registry.js';
import { ROOT } from '#tools/root.js';
import { canListen, freePort } from '#tools/servers/server-process.js';
import { eventually } from '../support/eventually.js';

const COPIED = [
  'Makefile',
  'package.json',
  'jobs.json',
  'dist',
  'bin',
  'prisma',
  'proto',
  'examples',
  '.env.example',
];
/** Nothing is compiled or installed for the copy. */
const BUILT = ['--old-file=dist/.built', '--old-file=dist/tools/dev.js'];

const hasPython = spawnSync('python3', ['--version']).status === 0;
if (!hasPython)
  process.stderr.write('make-targets.spec.ts leaves out commands: there is no python3 on this machine\n');

let folder: string;
let registry: ProcessRegistry;
let basePort: number;
let workers: readonly [Running, Running];
const started: ChildProcess[] = [];

type Running = ChildProcess & { readonly printed: () => string };

function launch(...args: string[]): Running {
  const child = spawn('make', ['--silent', ...BUILT, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  started.push(child);
  let text = '';
  const add = (chunk: Buffer) => (text += chunk.toString());
  child.stdout.on('data', add);
  child.stderr.on('data', add);
  return Object.assign(child, { printed: () => text });
}

/** As Ctrl-C does in a terminal: to make and to what it runs. Resolves when all of it has ended. */
async function interrupt(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('close', resolve));
  process.kill(-(child.pid ?? Number.NaN), 'SIGINT');
  await ended;
}

/** Runs a target to its end. */
async function run(...args: string[]): Promise<{ code: number | null; printed: string }> {
  const child = launch(...args);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, printed: child.printed() };
}

/** The same for one that has to succeed. @returns what it printed */
async function make(...args: string[]): Promise<string> {
  const { code, printed } = await run(...args);
  if (code !== 0) throw new Error(`make ${args.join(' ')} ended with ${code}:\n${printed}`);
  return printed;
}

/** Runs another program, which has to succeed. @returns what it wrote to standard output */
async function stdoutOf(cwd: string, command: string, ...args: string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], HOME: folder };
  const { stdout } = await promisify(execFile)(command, args, { cwd, env });
  return stdout;
}

const servers = () => readFileSync(join(folder, '.servers'), 'utf8').trim().split(',');
const state = (...path: string[]) => readdirSync(join(folder, '.triumvir', ...path)).sort();
const names = (records: readonly ProcessRecord[]) => records.map(({ name }) => name);

/** The first of three neighbours, for three servers. */
async function freePorts(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if ((await canListen(port + 1)) && (await canListen(port + 2))) return port;
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'triumvir-make-'));
  registry = new ProcessRegistry(join(folder, '.triumvir/start/run'));
  for (const name of COPIED) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  basePort = await freePorts();
});

afterAll(async () => {
  if (existsSync(join(folder, 'dist'))) await make('stop');
  for (const { pid, exitCode, signalCode } of started)
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGTERM');
  rmSync(folder, { recursive: true, force: true });
});

test('run-servers starts as many stores as are wanted, from BASE_PORT on, and tells of them in .servers', async () => {
  await make('run-servers', 'SERVER_COUNT=2', `BASE_PORT=${basePort}`);
  expect(servers()).toHaveLength(2);
  expect(servers()[0]).toBe(`localhost:${basePort}`);
  // Not ready, and so no success: nobody runs jobs yet.
  expect(await run('status')).toMatchObject({ code: 2, printed: expect.stringMatching(/^store-2 /m) });
});

test('run-worker runs one more executor in each terminal until it is told to end', async () => {
  workers = [launch('run-worker'), launch('run-worker')];
  const said = () => workers.map(({ printed }) => /(executor-\d+) runs; Ctrl-C/.exec(printed())?.[1]);
  await eventually(() => expect(new Set(said())).toEqual(new Set(['executor-1', 'executor-2'])), {
    within: 60_000,
  });
  await eventually(async () => (await run('status')).code === 0, { within: 60_000 });
  const executors = () => registry.running().filter(({ kind }) => kind === 'executor');
  const both = executors();
  expect(names(both)).toEqual(['executor-1', 'executor-2']);

  await interrupt(workers[1]);
  expect(both.filter(isAlive)).toHaveLength(1);
  expect(executors()).toEqual(both.filter(isAlive));
});

test('run-client and run-client-servers run a command, or the jobs of a file', async () => {
  expect(await make('run-client', `CMD=echo "from $((40 + 2))"`)).toContain('from 42');
  for (const target of ['run-client', 'run-client-servers']) {
    const printed = await make(target, 'FILE=jobs.json');
    expect(printed).toContain('\n500500\n');
    expect(printed).toMatch(/^3 succeeded, 0 failed$/m);
  }
});

test('run-webui serves the page at WEBUI_ADDR', async () => {
  const address = `127.0.0.1:${await freePort()}`;
  const page = launch('run-webui', `WEBUI_ADDR=${address}`);
  await eventually(async () => (await fetch(`http://${address}/`).catch(() => undefined))?.status === 200, {
    within: 30_000,
  });
  await interrupt(page);
});

test('stop-servers ends the servers, and only them', async () => {
  const before = registry.running();
  const ending = before.filter(({ kind }) => kind === 'store' || kind === 'scheduler');
  const staying = before.filter((record) => !ending.includes(record));
  expect(names(ending)).toEqual(['store-1', 'store-2', 'scheduler-1', 'scheduler-2']);
  expect(staying).toContainEqual(expect.objectContaining({ kind: 'executor' }));
  await make('stop-servers');
  expect(existsSync(join(folder, '.servers'))).toBe(false);
  expect(names(before.filter(isAlive))).toEqual(names(staying));
  expect(registry.all()).toEqual(staying);
  await interrupt(workers[0]);
});

describe('start', () => {
  let command: string[];
  let page: string;
  let printed: string;

  beforeAll(async () => {
    const port = await freePort();
    page = `http://localhost:${port}`;
    command = ['start', 'SERVER_COUNT=3', 'WORKER_COUNT=2', `BASE_PORT=${basePort}`, `WEBUI_ADDR=:${port}`];
    printed = await make(...command);
  });

  test('runs as many servers and workers as are wanted, the page and the example jobs', async () => {
    expect(servers()).toEqual([0, 1, 2].map((index) => `localhost:${basePort + index}`));
    const [, store] = /^API +(http:\S+)\/jobs$/m.exec(printed) ?? [];
    const cluster = (await (await fetch(`${store}/cluster`)).json()) as { executors: { instance: string }[] };
    expect(cluster.executors.map(({ instance }) => instance).sort()).toEqual(['executor-1', 'executor-2']);
    expect((await fetch(page)).status).toBe(200);
    expect(printed).toMatch(/^\d+ jobs after .*: \d+ succeeded, 1 dead$/m);
  });

  test('prints a command to try, which works', async () => {
    const [, line = ''] = /^Try +(.+)$/m.exec(printed) ?? [];
    expect(await stdoutOf(ROOT, 'sh', '-c', line)).toMatch(/succeeded.*hello/);
  });

  test('leaves alone what runs already, and does not run the example jobs again', async () => {
    const before = registry.all();
    const again = await make(...command);
    expect(registry.running()).toEqual(before);
    expect(again).toContain('running already and left alone: store-1, store-2, store-3, scheduler-1');
    expect(again).not.toContain('works-at-last');
  });

  test('is followed by status, logs and zkcli', async () => {
    const status = await make('status');
    for (const { pid } of registry.all()) expect(status).toContain(`(process ${pid})`);
    expect(status).toMatch(/scheduler\/shard-0: scheduler-[12] \(epoch \d+\)/);

    const lines = (await make('logs', 'NAME=executor-1')).trimEnd().split('\n');
    const log = readFileSync(join(folder, '.triumvir/start/logs/executor-1.log'), 'utf8').split('\n');
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(log).toContain(line.replace(/^executor-1 \| /, ''));

    const nodes = await make('zkcli', 'CMD=ls -R /triumvir');
    expect(nodes.match(/^\/triumvir\/scheduler\/shard-0\/candidate-.+-\d{10}$/gm)).toHaveLength(2);
  });

  test('gives bin/client servers to submit to and to ask', async () => {
    const [first = '', second = '', third = ''] = servers();
    const flags = ['-file=jobs.json', `-submit-server=${second}`, `-status-servers=${first},${third}`];
    const said = await stdoutOf(folder, './bin/client', ...flags);
    expect(said.match(/\(to .*\)/g)).toEqual([second, second, second].map((server) => `(to ${server})`));
    expect(said).not.toContain(`(from ${second})`);
    expect(said).toMatch(/^3 succeeded, 0 failed$/m);
  });

  const testFile = join(tmpdir(), `triumvir-test-file-${process.pid}`);
  const COMMANDS: readonly (readonly [command: string, output: string | RegExp])[] = [
    ["echo 'Job 1'", 'Job 1'],
    [
      `dd if=/dev/zero of=${testFile} bs=1M count=2 && rm ${testFile}`,
      /^2\+0 records in\n2\+0 records out\n2097152 bytes .*$/,
    ],
    [String.raw`printf '%s\n' "a \"b\" \$HOME" 'c # $HOME' | sort -r | tr a-z A-Z`, 'C # $HOME\nA "B" $HOME'],
    ['python3 -c "print(sum(range(1000)))"', '499500'],
    [
      String.raw`python3 -c "import time; start=time.time(); fib=lambda n: n if n<=1 else fib(n-1)+fib(n-2); result=fib(15); print(f\"fib(15)={result}, took {time.time()-start:.2f}s\")"`,
      /^fib\(15\)=610, took \d+\.\d\ds$/,
    ],
    [
      String.raw`python3 -c "import time; [print(f\"Progress: {i}/3\") or time.sleep(.1) for i in range(1,4)]"`,
      'Progress: 1/3\nProgress: 2/3\nProgress: 3/3',
    ],
    [`python3 -c 'import time; time.sleep(.1); print("Job 2 done")'`, 'Job 2 done'],
  ];

  test.each(COMMANDS.filter(([line]) => hasPython || !line.startsWith('python3')))(
    'run-client gives back word for word what this writes: %s',
    async (line, output) => {
      const said = await make('run-client', `CMD=${line}`);
      const [, written = said] = /Job output:\n([\s\S]*)\n1 succeeded, 0 failed\n$/.exec(said) ?? [];
      if (typeof output === 'string') expect(written).toBe(output);
      else expect(written).toMatch(output);
    },
  );
});

// Where the packages are: npx would not find its way through the copy's link to them.
test.each(['triumvir', 'triumvir-client', 'triumvir-webui'])(
  'npx finds %s in the folder of the project, and downloads nothing',
  async (program) => {
    const said = await stdoutOf(ROOT, 'npx', '--no-install', '--offline', program, '--help');
    expect(said).toMatch(new RegExp(`^Usage: ${program} `));
  },
);

test('each process has a log file; stop and clean leave nothing', async () => {
  const all = registry.running();
  expect(state('start/logs')).toEqual(
    expect.arrayContaining([
      ...['store-1.log', 'store-2.log', 'store-3.log', 'scheduler-1.log', 'scheduler-2.log'],
      ...['executor-1.log', 'executor-2.log', 'webui.log'],
    ]),
  );
  expect(all.filter(({ logFile }) => !existsSync(logFile))).toEqual([]);
  await make('stop');
  expect(names(all)).toContain('webui');
  expect(names(all.filter(isAlive))).toEqual([]);
  expect(existsSync(join(folder, '.servers'))).toBe(false);
  // No lock, no record of a process.
  expect([state(), state('start'), state('start/run')]).toEqual([
    ['start'],
    ['data', 'logs', 'run', 'state.json'],
    [],
  ]);
  await make('clean');
  expect(existsSync(join(folder, '.triumvir')) || existsSync(join(folder, 'dist'))).toBe(false);
});
