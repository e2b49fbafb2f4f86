import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { fencedProcesses } from '#common/runtime/fenced-processes.js';
import { eventually } from '../../../../test/support/eventually.js';
import { CommandNotStarted, Spawner, SpawnerLost } from './spawner.js';
import { SpawnerPool } from './spawner-pool.js';

// Each starts processes that compile their sources first.
vi.setConfig({ testTimeout: 20_000 });

const PRINTS_ITS_PID = 'trap "" TERM; echo $$; while :; do sleep 0.05; done';

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** The process that started this one. */
function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function start(spawner: Pick<Spawner, 'run'>, command: string, env: Record<string, string> = {}) {
  const stop = new AbortController();
  let text = '';
  const end = spawner.run({
    command,
    cwd: tmpdir(),
    env,
    signal: stop.signal,
    killGraceMs: 5000,
    wrote: (_, bytes) => {
      text += bytes.toString();
    },
  });
  // Those that look at the end see the rejection too.
  end.catch(() => undefined);
  const pid = () =>
    eventually(() => {
      expect(text).toMatch(/^\d+\n/);
      return Number.parseInt(text, 10);
    });
  return { end, stop, pid, text: () => text };
}

test('a spawner that dies takes its commands with it; how they end is not known, and the next one runs', async () => {
  const pool = new SpawnerPool(1);
  const { end, pid } = start(pool, PRINTS_ITS_PID);
  const shell = await pid();
  process.kill(parentOf(shell), 'SIGKILL');
  await expect(end).rejects.toThrow(SpawnerLost);
  await eventually(() => !isAlive(shell));
  expect(await start(pool, 'exit 3').end).toEqual({ exitCode: 3, signal: null });
});

test('fenced off, a spawner ends all that runs at once, also what ignores SIGTERM', async () => {
  const { end, pid } = start(new Spawner(), PRINTS_ITS_PID);
  const shell = await pid();
  fencedProcesses.fenceAll();
  // As when the executor hangs: nothing that it would do itself can happen meanwhile.
  const until = performance.now() + 10_000;
  while (isAlive(shell) && performance.now() < until);
  expect(isAlive(shell)).toBe(false);
  await expect(end).rejects.toThrow(SpawnerLost);
});

test('signals for the whole group of processes leave the commands to the executor', async () => {
  const { end, stop, pid } = start(new Spawner(), 'echo $$; exec sleep 600');
  const spawner = parentOf(await pid());
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.kill(spawner, signal);
  stop.abort();
  expect(await end).toEqual({ exitCode: null, signal: 'SIGTERM' });
});

test('commands do not outlive an executor that was killed, also those that ignore SIGTERM', async () => {
  const executor = spawn(
    process.execPath,
    [...process.execArgv, '--eval', EXECUTOR, fileURLToPath(import.meta.url)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(executor.stdout, 'data')) as [Buffer];
  const shell = Number.parseInt(line.toString(), 10);
  const spawner = parentOf(shell);
  executor.kill('SIGKILL');
  await eventually(() => !isAlive(shell) && !isAlive(spawner));
});

/** Runs a command and prints what it prints. */
const EXECUTOR = `
  import(new URL('./spawner.js', 'file://' + process.argv[1]).href).then(({ Spawner }) =>
    new Spawner().run({
      command: ${JSON.stringify(PRINTS_ITS_PID)}, cwd: '/', env: {}, signal: new AbortController().signal,
      killGraceMs: 60_000, wrote: (_, bytes) => process.stdout.write(bytes),
    }));
`;

test('an executor that does not read holds its commands instead of filling the memory of the spawner', async () => {
  const { pid, stop, end } = start(new Spawner(), 'echo $$; exec yes');
  const shell = await pid();
  const spawner = parentOf(shell);
  // Nothing is read while this thread is busy: the writer must come to a stop, and the spawner must not grow.
  const until = performance.now() + 1500;
  while (performance.now() < until);
  const residentMb =
    Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${spawner}/status`, 'utf8'))?.[1]) / 1024;
  const { state, written } = activity(shell);
  expect(state).toBe('S');
  expect(written).toBeLessThan(100e6);
  expect(residentMb).toBeLessThan(200);
  stop.abort();
  expect(await end).toEqual({ exitCode: null, signal: 'SIGTERM' });
});

function activity(pid: number) {
  const state = /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  const written = Number(/^wchar:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
  return { state, written };
}

test('all that was written before the end arrives, in order', async () => {
  const { end, text } = start(new SpawnerPool(2), 'seq 1 300000');
  expect(await end).toEqual({ exitCode: 0, signal: null });
  const lines = text().trim().split('\n');
  expect(lines).toHaveLength(300_000);
  expect(lines.at(-1)).toBe('300000');
});

test('a command that the machine refuses is told from one that failed, and does no harm to others', async () => {
  const spawner = new Spawner();
  const other = start(spawner, 'echo $$; exec sleep 600');
  await other.pid();
  const tooMuch = Object.fromEntries(
    Array.from({ length: 200 }, (_, index) => [`V${index}`, 'x'.repeat(32_768)]),
  );
  await expect(start(spawner, 'true', tooMuch).end).rejects.toThrow(CommandNotStarted);
  other.stop.abort();
  expect(await other.end).toEqual({ exitCode: null, signal: 'SIGTERM' });
});
