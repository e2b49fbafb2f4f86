import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { MeanDurations } from './mean-durations.js';

test('the first duration is the mean, and each further one moves it by a twentieth of the difference', () => {
  const means = new MeanDurations();
  means.add('command', 100);
  expect(means.snapshot()).toEqual({ command: 100 });
  means.add('command', 200);
  means.add('print', 1);
  expect(means.snapshot()).toEqual({ command: 105, print: 1 });
});

test('the mean never leaves the range of what was measured', () => {
  const durations = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 });
  fc.assert(
    fc.property(durations, (list) => {
      const means = new MeanDurations();
      for (const ms of list) means.add('any', ms);
      const mean = means.snapshot()['any'] ?? NaN;
      // It is rounded to a thousandth.
      expect(mean).toBeGreaterThanOrEqual(Math.min(...list) - 0.001);
      expect(mean).toBeLessThanOrEqual(Math.max(...list) + 0.001);
    }),
  );
});

test('it tells of a new type, and of a mean that has doubled or halved, and of nothing else', () => {
  const means = new MeanDurations();
  const told = vi.fn<() => void>();
  means.onShift(told);
  means.add('command', 100);
  expect(told).toHaveBeenCalledTimes(1);
  for (let n = 0; n < 50; n += 1) means.add('command', 110);
  expect(told).toHaveBeenCalledTimes(1);
  for (let n = 0; n < 50; n += 1) means.add('command', 1);
  expect(told.mock.calls.length).toBeGreaterThan(2);
  const before = told.mock.calls.length;
  means.add('tiny', 0.04);
  means.add('tiny', 0.0001);
  expect(told).toHaveBeenCalledTimes(before + 1);
});
