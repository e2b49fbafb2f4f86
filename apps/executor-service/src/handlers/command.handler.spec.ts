import { readFileSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { eventually } from '../../../../test/support/eventually.js';
import command from './command.handler.js';
import { JobFailure } from './handler.js';
import { OutputCapture } from './output-capture.js';

const jobId = '01890a5d-ac96-774b-bcce-b302099a8057';
let folder: string;

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'command-')));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const parents = async () => [];

interface Started {
  readonly end: Promise<unknown>;
  readonly stop: AbortController;
  /** What it wrote to one of its streams so far. */
  readonly text: (stream: 'out' | 'err') => string;
}

function start(payload: object, { killGraceMs = 5000 } = {}): Started {
  const stop = new AbortController();
  const output = new OutputCapture(64 * 1024);
  const run = Promise.resolve(
    command.run(payload, {
      jobId,
      attempt: 3,
      signal: stop.signal,
      killGraceMs,
      output,
      parents,
      progress: () => undefined,
    }),
  );
  const end = run.catch((error: unknown) => {
    if (error instanceof JobFailure) return error.error;
    throw error;
  });
  const text = (stream: 'out' | 'err') =>
    output
      .pieces()
      .filter((piece) => piece.stream === stream)
      .map((piece) => piece.text)
      .join('');
  return { end, stop, text };
}

function isAlive(pid: number): boolean {
  try {
    // A zombie is dead, it has only not been buried yet.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** The process ids that a command has written to its output, once there are `count`. */
async function pids(text: Started['text'], count: number): Promise<number[]> {
  return eventually(() => {
    const lines = text('out').trim().split('\n').filter(Boolean);
    expect(lines).toHaveLength(count);
    return lines.map(Number);
  });
}

test('exit code 0 is success; both streams are kept', async () => {
  const { end, text } = start({ command: 'echo to out; echo to err >&2' });
  expect(await end).toEqual({ exitCode: 0, durationMs: expect.any(Number) as number });
  expect(text('out')).toBe('to out\n');
  expect(text('err')).toBe('to err\n');
});

test('any other exit code is a failure that names it, and may be tried again', async () => {
  const { end } = start({ command: 'exit 7' });
  expect(await end).toMatchObject({
    name: 'CommandFailed',
    message: 'exit code 7',
    details: { exitCode: 7, signal: null },
  });
});

test('a command that is not found, or no shell language, fails like any other', async () => {
  expect(await start({ command: 'no-such-program-anywhere' }).end).toMatchObject({
    details: { exitCode: 127 },
  });
  expect(await start({ command: 'if then (' }).end).toMatchObject({ name: 'CommandFailed' });
});

test('a command that ended by a signal is told of by that signal', async () => {
  expect(await start({ command: 'kill -KILL $$' }).end).toMatchObject({
    name: 'CommandFailed',
    message: 'ended by SIGKILL',
    details: { exitCode: null, signal: 'SIGKILL' },
  });
});

test('it sees who it is, and none of what the executor knows', async () => {
  vi.stubEnv('DATABASE_URL', 'postgresql://u:hunter2@db/x');
  vi.stubEnv('REDIS_PASSWORD', 'hunter2');
  vi.stubEnv('NODE_OPTIONS', '--no-warnings');
  const { end, text } = start({ command: 'env', env: { GREETING: 'héllo wörld', JOB_ID: 'forged' } });
  await end;
  const seen = text('out').split('\n');
  expect(seen).toEqual(expect.arrayContaining([`JOB_ID=${jobId}`, 'JOB_ATTEMPT=3', 'GREETING=héllo wörld']));
  expect(seen.some((line) => line.startsWith('PATH='))).toBe(true);
  expect(text('out')).not.toMatch(/hunter2|DATABASE_URL|NODE_OPTIONS|forged/);
});

test('it runs in the folder it names', async () => {
  const { end, text } = start({ command: 'pwd', cwd: folder });
  await end;
  expect(text('out').trim()).toBe(folder);
});

test('a folder that does not exist is a failure that names it, and leaves no process', async () => {
  const cwd = join(folder, 'missing');
  expect(await start({ command: 'true', cwd }).end).toMatchObject({
    name: 'CommandNotStarted',
    details: { cwd },
  });
});

test('it has no input, so a command that reads does not wait for ever', async () => {
  expect(await start({ command: 'cat; read line; echo $?' }).end).toMatchObject({ exitCode: 0 });
});

test('much output does not block it, and is cut', async () => {
  const { end, text } = start({ command: 'head -c 3000000 /dev/zero | tr "\\0" x; echo the end' });
  expect(await end).toMatchObject({ exitCode: 0 });
  expect(text('out')).toHaveLength(64 * 1024);
  expect(text('out').endsWith('the end\n')).toBe(true);
});

test('asked to end, it gets SIGTERM and may still say goodbye', async () => {
  const { end, stop, text } = start({
    command: 'trap "echo goodbye; exit 0" TERM; echo $$; while :; do sleep 0.02; done',
  });
  await pids(text, 1);
  stop.abort();
  expect(await end).toMatchObject({ exitCode: 0 });
  expect(text('out')).toContain('goodbye');
});

test('what ignores SIGTERM is killed after the grace, with all it has started', async () => {
  const { end, stop, text } = start(
    {
      command: `trap "" TERM; sh -c 'trap "" TERM; echo $$; while :; do sleep 0.05; done' & echo $$; while :; do sleep 0.05; done`,
    },
    { killGraceMs: 50 },
  );
  const family = await pids(text, 2);
  stop.abort();
  expect(await end).toMatchObject({ message: 'ended by SIGKILL' });
  await eventually(() => !family.some(isAlive));
});

test('a grandchild that ignores SIGTERM does not outlive a shell that obeys it', async () => {
  const { end, stop, text } = start({
    command: `sh -c 'trap "" TERM; echo $$; while :; do sleep 0.05; done' & echo $$; wait`,
  });
  const family = await pids(text, 2);
  stop.abort();
  expect(await end).toMatchObject({ message: 'ended by SIGTERM' });
  await eventually(() => !family.some(isAlive));
});

test('what a shell leaves in the background ends with it', async () => {
  const { end, text } = start({ command: 'sleep 600 & echo $!' });
  expect(await end).toMatchObject({ exitCode: 0 });
  const family = await pids(text, 1);
  await eventually(() => !family.some(isAlive));
});

test('a process that left the group and holds the pipe open does not keep the job', async () => {
  const { end, text } = start({ command: 'setsid sleep 600 & echo $!' });
  expect(await end).toMatchObject({ exitCode: 0 });
  // It got away, as daemons do; this test must not leave it behind.
  for (const pid of await pids(text, 1)) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
});

test('asked to end before it began, it ends at once', async () => {
  const stop = new AbortController();
  stop.abort();
  const output = new OutputCapture(1024);
  const context = {
    jobId,
    attempt: 1,
    signal: stop.signal,
    killGraceMs: 5000,
    output,
    parents,
    progress: () => undefined,
  };
  await expect(command.run({ command: 'sleep 600' }, context)).rejects.toThrow('ended by SIGTERM');
});

test('a payload that is no command is refused before anything is started', () => {
  expect(() => start({ command: 'a\0b' })).toThrow('NUL');
  expect(() => start({ command: 'true', env: { 'A=B': 'x' } })).toThrow();
});
