import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { descendants, identify, isAlive, parseProcStat, parsePsLine, signal } from './process-identity.js';

/** /proc/<pid>/stat of a process whose name tries to look like fields. */
const STAT = '42 (a) Z 1 b) S 7 42 42 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 987654 1000 50';

describe('parseProcStat', () => {
  it('finds parent, state and start behind a name that holds brackets and spaces', () => {
    expect(parseProcStat(STAT, 'boot')).toEqual({ parent: 7, startedAt: 'boot/987654', zombie: false });
  });

  it('knows a zombie', () => {
    expect(parseProcStat(STAT.replace(') S', ') Z'), 'boot').zombie).toBe(true);
  });
});

describe('parsePsLine', () => {
  it('reads what ps prints on macOS', () => {
    expect(parsePsLine('    1 Ss   Sat Nov 21 01:00:00 2026    \n')).toEqual({
      parent: 1,
      startedAt: 'Sat Nov 21 01:00:00 2026',
      zombie: false,
    });
  });

  it('takes no output for no process', () => {
    expect(parsePsLine('')).toBeUndefined();
  });
});

describe('a process', () => {
  it('is itself as long as it runs', () => {
    const me = identify(process.pid);
    expect(me).toBeDefined();
    expect(me && isAlive(me)).toBe(true);
  });

  it('is not another one that got its id later', () => {
    const other = { pid: process.pid, startedAt: 'another time' };
    expect(isAlive(other)).toBe(false);
    expect(signal(other, 'SIGKILL')).toBe(false);
  });

  it('is gone once it has ended, and is found below its parent until then', async () => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const identity = identify(child.pid ?? 0);
    expect(identity && descendants(process.pid)).toContainEqual(identity);
    const exit = once(child, 'exit');
    expect(identity && signal(identity, 'SIGKILL')).toBe(true);
    await exit;
    expect(identity && isAlive(identity)).toBe(false);
  });
});
