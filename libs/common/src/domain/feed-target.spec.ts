import fc from 'fast-check';
import { expect, test } from 'vitest';
import { feedTarget, MAX_HANDED_OVER } from './feed-target.js';

const slots = fc.integer({ min: 0, max: 100_000 });
const mean = fc.option(fc.double({ min: 0, max: 1e9, noNaN: true }), { nil: undefined });

test('nobody to run it: nothing is handed over', () => {
  fc.assert(fc.property(mean, (ms) => feedTarget(0, ms) === 0));
  expect(feedTarget(0, 1)).toBe(0);
});

test('each slot has about two seconds of work ready', () => {
  expect(feedTarget(10, 100)).toBe(200);
  expect(feedTarget(10, 1000)).toBe(20);
  expect(feedTarget(10, undefined)).toBe(200);
});

test('a slot always has at least its next job, however slow the jobs are', () => {
  expect(feedTarget(10, 3_600_000)).toBe(10);
});

test('the target is a whole number within its bounds', () => {
  fc.assert(
    fc.property(slots, mean, (count, ms) => {
      const target = feedTarget(count, ms);
      expect(target).toSatisfy(Number.isSafeInteger);
      expect(target).toBeGreaterThanOrEqual(Math.min(count, MAX_HANDED_OVER));
      expect(target).toBeLessThanOrEqual(MAX_HANDED_OVER);
    }),
  );
});

test('more slots never make it smaller, and slower jobs never make it larger', () => {
  fc.assert(
    fc.property(slots, fc.double({ min: 0, max: 1e6, noNaN: true }), (count, ms) => {
      expect(feedTarget(count + 1, ms)).toBeGreaterThanOrEqual(feedTarget(count, ms));
      expect(feedTarget(count, ms * 2)).toBeLessThanOrEqual(feedTarget(count, ms));
    }),
  );
});
