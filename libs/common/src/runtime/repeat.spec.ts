import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Logger } from '#common/logging/logger.js';
import { Alarm } from './alarm.js';
import { repeat } from './repeat.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setUp() {
  const stop = new AbortController();
  const logged: string[] = [];
  const log = {
    log: (level: string, message: string) => logged.push(`${level}: ${message}`),
    info: (message: string) => logged.push(`info: ${message}`),
  } as unknown as Logger;
  return { stop, logged, options: { duty: 'test', signal: stop.signal, log } };
}

test('rounds follow one another with the pause that each asks for', async () => {
  const { stop, options } = setUp();
  const at: number[] = [];
  const start = Date.now();
  const pauses = [100, 300, 100];
  const loop = repeat(options, async () => {
    at.push(Date.now() - start);
    return pauses[at.length - 1] ?? 10_000;
  });
  await vi.advanceTimersByTimeAsync(1000);
  expect(at).toEqual([0, 100, 400, 500]);
  stop.abort();
  await loop;
});

test('the loop survives errors, and waits twice as long after each until the longest back-off', async () => {
  const { stop, logged, options } = setUp();
  const at: number[] = [];
  const start = Date.now();
  const loop = repeat({ ...options, maxBackoffMs: 500 }, async () => {
    at.push(Date.now() - start);
    throw new Error('down');
  });
  await vi.advanceTimersByTimeAsync(1800);
  expect(at).toEqual([0, 100, 300, 700, 1200, 1700]);
  expect(logged.slice(0, 2)).toEqual([
    'warn: duty failed, will try again',
    'debug: duty failed, will try again',
  ]);
  stop.abort();
  await loop;
});

test('a success is told after failures, and the back-off starts afresh', async () => {
  const { stop, logged, options } = setUp();
  const at: number[] = [];
  const start = Date.now();
  const loop = repeat(options, async () => {
    at.push(Date.now() - start);
    if ([1, 2, 4].includes(at.length)) throw new Error('down');
    return 1000;
  });
  await vi.advanceTimersByTimeAsync(1450);
  expect(at).toEqual([0, 100, 300, 1300, 1400]);
  expect(logged).toEqual([
    'warn: duty failed, will try again',
    'debug: duty failed, will try again',
    'info: duty works again',
    'warn: duty failed, will try again',
    'info: duty works again',
  ]);
  stop.abort();
  await loop;
});

test('an alarm cuts a pause short, but no back-off', async () => {
  const { stop, options } = setUp();
  const alarm = new Alarm();
  let rounds = 0;
  let down = false;
  const loop = repeat({ ...options, alarm }, async () => {
    rounds += 1;
    if (down) throw new Error('down');
    return 60_000;
  });
  await vi.advanceTimersByTimeAsync(0);
  down = true;
  alarm.ring();
  await vi.advanceTimersByTimeAsync(0);
  expect(rounds).toBe(2);
  for (let ring = 0; ring < 100; ring += 1) alarm.ring();
  await vi.advanceTimersByTimeAsync(99);
  expect(rounds).toBe(2);
  await vi.advanceTimersByTimeAsync(1);
  expect(rounds).toBe(3);
  stop.abort();
  await loop;
});

test('an abort ends the loop in a pause, in a back-off and before the first round', async () => {
  for (const fails of [false, true]) {
    const { stop, options } = setUp();
    const loop = repeat(options, async () => {
      if (fails) throw new Error('down');
      return 60_000;
    });
    await vi.advanceTimersByTimeAsync(10);
    stop.abort();
    await expect(loop).resolves.toBeUndefined();
    const round = vi.fn<() => Promise<number>>();
    await repeat(options, round);
    expect(round).not.toHaveBeenCalled();
  }
});

test('an error that the abort itself caused is not logged', async () => {
  const { stop, logged, options } = setUp();
  await repeat(options, async () => {
    stop.abort();
    throw new Error('aborted');
  });
  expect(logged).toEqual([]);
});
