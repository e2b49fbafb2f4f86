import { describe, expect, it } from 'vitest';
import type { Terminal } from '../terminal.js';
import { plain } from '../text.js';
import { FullScreen } from './full-screen.js';
import { RateMeter } from './rates.js';
import type { Snapshot } from './snapshot.js';
import { topLines } from './view.js';

describe('RateMeter', () => {
  const event = (queue: string, state: 'running' | 'succeeded' | 'dead' | 'queued', change = 'state') => ({
    queue,
    state,
    change,
  });

  it('counts starts and ends by queue, over the time that it has listened', () => {
    const meter = new RateMeter(0);
    for (let at = 0; at < 4_000; at += 100) meter.count(event('a', 'running'), at);
    meter.count(event('b', 'succeeded'), 3_900);
    meter.count(event('b', 'dead'), 3_900);
    meter.count(event('b', 'queued'), 3_900);
    meter.count(event('b', 'running', 'cancel-requested'), 3_900);
    expect(meter.rates(4_000, 'a')).toEqual({ started: 10, succeeded: 0, failed: 0 });
    expect(meter.rates(4_000)).toEqual({ started: 10, succeeded: 0.25, failed: 0.25 });
  });

  it('forgets what is older than ten seconds', () => {
    const meter = new RateMeter(0);
    meter.count(event('a', 'running'), 0);
    meter.count(event('a', 'running'), 9_000);
    expect(meter.rates(9_500, 'a').started).toBeCloseTo(2 / 9.5);
    expect(meter.rates(15_000, 'a').started).toBe(0.1);
    expect(meter.rates(60_000, 'a').started).toBe(0);
  });
});

const MEMBER = { id: 'scheduler-1', host: 'h', pid: 1, since: '2030-01-31T08:00:00.000Z' };
const counts = { scheduled: 1, queued: 2, running: 3, dead: 20_000 };
const settings = { concurrency: null, concurrencyPerKey: 1, rateLimit: null, drain: 'all' };

const snapshot = (queues: number, jobs: number): Snapshot => ({
  at: '2030-01-31T08:00:00.000Z',
  store: 'http://store/',
  members: { store: [MEMBER], scheduler: [MEMBER, MEMBER] },
  elections: [
    { election: 'scheduler/shard-0', leader: { ...MEMBER, epoch: 7 }, candidates: [MEMBER] },
    { election: 'executor/reclaimer', leader: null, candidates: [] },
  ],
  executors: [
    { id: 'executor-1', slots: 16, running: 8, types: ['print'], leaseExpiresAt: '2030-01-31T08:00:10.000Z' },
  ],
  rates: null,
  queues: Array.from({ length: queues }, (_, index) => ({
    name: `queue-${index}`,
    state: 'active',
    settings,
    counts,
    countedTo: 20_000,
    version: 1,
    rates: { started: 1.25, succeeded: 250.4, failed: 0 },
  })),
  running: Array.from({ length: jobs }, (_, index) => ({
    id: `job-${index}`,
    name: 'evil\u001b[2J',
    type: 'command',
    queue: 'queue-0',
    state: 'running',
    priority: 5,
    payload: null,
    runAt: null,
    createdAt: null,
    startedAt: '2030-01-31T07:59:00.000Z',
    finishedAt: null,
    attempt: 1,
    maxAttempts: 4,
    executor: 'executor-1',
    cancelRequestedAt: null,
    result: null,
    error: null,
  })),
});

const lines = (from: Snapshot, rows: number) =>
  topLines(from, { columns: 120, paint: plain }, rows, Date.parse('2030-01-31T08:00:00.000Z'));

describe('the view', () => {
  it('tells of leaders, queues with their rates, executors and running jobs', () => {
    const text = lines(snapshot(1, 1), Number.POSITIVE_INFINITY).join('\n');
    expect(text).toContain('1 store, 2 scheduler; 8 of 16 slots busy');
    expect(text).toContain('scheduler/shard-0: scheduler-1 (epoch 7)   executor/reclaimer: nobody');
    expect(text).toMatch(/queue-0 +active +1 +2 +3 +20000\+ +1\.3 +250 +0\.0/);
    expect(text).toMatch(/executor-1 +████████░░░░░░░░ 8 +16/);
    expect(text).toMatch(/job-0 +command +queue-0 +executor-1 +1m 00s +evil$/);
    expect(text).toContain('events cannot be heard');
    expect(text).not.toContain('\u001b');
  });

  it('fits on any screen, and shows some of everything on one of usual size', () => {
    for (const rows of [1, 5, 12, 24, 50])
      expect(lines(snapshot(100, 200), rows).length).toBeLessThanOrEqual(rows);
    const usual = lines(snapshot(100, 200), 24).join('\n');
    for (const some of ['queue-0', 'executor-1', 'job-0']) expect(usual).toContain(some);
  });
});

describe('FullScreen', () => {
  function screen() {
    const written: string[] = [];
    const raw: boolean[] = [];
    const listeners = new Set<(keys: string) => void>();
    const terminal: Terminal = {
      env: {},
      stderr: { write: () => undefined },
      stdout: { write: (text) => written.push(text), isTTY: true, columns: 80, rows: 24 },
      stdin: {
        isTTY: true,
        setRawMode: (on) => raw.push(on),
        on: (_event, listener) => listeners.add(listener),
        off: (_event, listener) => listeners.delete(listener),
        resume: () => undefined,
        pause: () => undefined,
      },
    };
    const press = (keys: string) => listeners.forEach((listener) => listener(keys));
    return { terminal, written, raw, listeners, press };
  }

  it.each(['q', 'Q', '\u0003'])('ends with %j', (key) => {
    const { terminal, press } = screen();
    const full = new FullScreen(terminal);
    press('x');
    expect(full.quit.aborted).toBe(false);
    press(key);
    expect(full.quit.aborted).toBe(true);
  });

  it('gives the terminal back: its screen, its cursor, its keys', () => {
    const { terminal, written, raw, listeners } = screen();
    const full = new FullScreen(terminal);
    full.draw(['a', 'b']);
    full.leave();
    expect(raw).toEqual([true, false]);
    expect(listeners.size).toBe(0);
    expect(written[0]).toBe('\u001b[?1049h\u001b[?25l');
    expect(written.at(-1)).toBe('\u001b[?25h\u001b[?1049l');
  });
});
