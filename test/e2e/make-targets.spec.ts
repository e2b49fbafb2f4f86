/**
 * The make targets that users of the Go, Redis and etcd scheduler know, really run, in a copy of what was built: with a
 * Postgres, a Redis and a ZooKeeper of its own, on ports of its own, and nothing left of it in the end.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from '#tools/root.js';
import { freePort } from '#tools/servers/server-process.js';
import { eventually } from '../support/eventually.js';

const COPIED = ['Makefile', 'package.json', 'dist', 'bin', 'prisma', 'proto', 'examples', '.env.example'];
/** Nothing is compiled or installed for the copy. */
const BUILT = ['--old-file=dist/.built', '--old-file=dist/tools/dev.js'];
const TARGET_WITHIN_MS = 120_000;

let folder: string;
let basePort: number;
const started: ChildProcess[] = [];

function launch(...args: string[]): ChildProcess & { readonly printed: () => string } {
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

const servers = () => readFileSync(join(folder, '.servers'), 'utf8').trim().split(',');
const logs = () => readdirSync(join(folder, '.triumvir/start/logs'));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'triumvir-make-'));
  for (const name of COPIED) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  basePort = await freePort();
});

afterAll(async () => {
  if (existsSync(join(folder, 'dist'))) await make('stop');
  for (const { pid, exitCode, signalCode } of started)
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}, TARGET_WITHIN_MS);

test(
  'run-servers starts as many stores as are wanted, from BASE_PORT on, and tells of them in .servers',
  async () => {
    await make('run-servers', 'SERVER_COUNT=2', `BASE_PORT=${basePort}`);
    expect(servers()).toHaveLength(2);
    expect(servers()[0]).toBe(`localhost:${basePort}`);
    // Not ready, and so no success: nobody runs jobs yet.
    expect(await run('status')).toMatchObject({ code: 2, printed: expect.stringMatching(/^store-2 /m) });
  },
  TARGET_WITHIN_MS,
);

test(
  'run-worker runs one more executor until it is told to end, and run-client runs commands on it',
  async () => {
    const worker = launch('run-worker');
    await eventually(async () => (await run('status')).code === 0, { within: 60_000 });
    expect(await make('run-client', `CMD=echo "from $((40 + 2))"`)).toContain('from 42');
    const file = { jobs: [{ name: 'one', command: 'echo "job one"', description: 'A job of a file' }] };
    writeFileSync(join(folder, 'jobs.json'), JSON.stringify(file));
    for (const target of ['run-client', 'run-client-servers'])
      expect(await make(target, 'FILE=jobs.json')).toContain('job one');
    await interrupt(worker);
  },
  TARGET_WITHIN_MS,
);

test(
  'run-webui serves the page at WEBUI_ADDR',
  async () => {
    const address = `127.0.0.1:${await freePort()}`;
    const page = launch('run-webui', `WEBUI_ADDR=${address}`);
    await eventually(async () => (await fetch(`http://${address}/`).catch(() => undefined))?.status === 200, {
      within: 30_000,
    });
    await interrupt(page);
  },
  TARGET_WITHIN_MS,
);

test(
  'each process has a log file; stop-servers, stop and clean leave nothing',
  async () => {
    expect(logs()).toEqual(expect.arrayContaining(['store-1.log', 'store-2.log', 'scheduler-1.log']));
    await make('stop-servers');
    expect(existsSync(join(folder, '.servers'))).toBe(false);
    await make('stop');
    await make('clean');
    expect(existsSync(join(folder, '.triumvir')) || existsSync(join(folder, 'dist'))).toBe(false);
  },
  TARGET_WITHIN_MS,
);
