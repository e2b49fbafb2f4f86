import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Alarm } from './alarm.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Says whether a promise has settled by now. */
async function settled(promise: Promise<void>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  return done;
}

test('a sleep lasts as long as it was asked to', async () => {
  const sleep = new Alarm().sleep(1000);
  await vi.advanceTimersByTimeAsync(999);
  expect(await settled(sleep)).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(await settled(sleep)).toBe(true);
});

test('ringing ends the sleep at once', async () => {
  const alarm = new Alarm();
  const sleep = alarm.sleep(1000);
  alarm.ring();
  expect(await settled(sleep)).toBe(true);
});

test('a ring while nobody sleeps ends the next sleep, and only that one', async () => {
  const alarm = new Alarm();
  alarm.ring();
  alarm.ring();
  expect(await settled(alarm.sleep(1000))).toBe(true);
  expect(await settled(alarm.sleep(1000))).toBe(false);
});

test('an abort ends the sleep without an error, before it and during it', async () => {
  const stop = new AbortController();
  const alarm = new Alarm();
  const sleep = alarm.sleep(1000, stop.signal);
  stop.abort();
  expect(await settled(sleep)).toBe(true);
  expect(await settled(alarm.sleep(1000, stop.signal))).toBe(true);
});

test('no sleep is no sleep, and leaves no timer behind', async () => {
  const alarm = new Alarm();
  expect(await settled(alarm.sleep(0))).toBe(true);
  expect(await settled(alarm.sleep(-5))).toBe(true);
  const sleep = alarm.sleep(1000);
  alarm.ring();
  await sleep;
  expect(vi.getTimerCount()).toBe(0);
});
