import { expect, test } from 'vitest';
import { LeaseClock } from './lease-clock.js';

const MS = 1_000_000n;
const START = 1_000_000n * MS;

test('before the first renewal, and two thirds of a lease after the last, it cannot be trusted', () => {
  const clock = new LeaseClock(3000);
  expect(clock.period(START)).toBeUndefined();
  clock.renewed(START);
  expect(clock.period(START + 1999n * MS)).toBeDefined();
  expect(clock.period(START + 2000n * MS)).toBeUndefined();
});

test('renewals without a gap stay in one period; a gap begins another, even when nobody looked during the gap', () => {
  const clock = new LeaseClock(3000);
  clock.renewed(START);
  const before = clock.period(START);
  clock.renewed(START + 1000n * MS);
  expect(clock.period(START + 1000n * MS)).toBe(before);
  clock.renewed(START + 9000n * MS);
  expect(clock.period(START + 9000n * MS)).not.toBe(before);
});

test('two clocks on the same memory agree', () => {
  const main = new LeaseClock(3000);
  const thread = new LeaseClock(3000, main.memory);
  thread.renewed(START);
  expect(main.period(START)).toBe(thread.period(START));
});
