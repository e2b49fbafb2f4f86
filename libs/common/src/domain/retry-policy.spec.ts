import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_ATTEMPTS } from './job.js';
import { DEFAULT_RETRY_POLICY, MAX_RETRY_DELAY_MS, retryDelayMs, type RetryPolicy } from './retry-policy.js';

const delay = fc.integer({ min: 0, max: MAX_RETRY_DELAY_MS });
const positive = fc.integer({ min: 1, max: MAX_RETRY_DELAY_MS });
const share = fc.double({ min: 0, max: 1, noNaN: true });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const attempt = fc.integer({ min: 1, max: MAX_ATTEMPTS.max });

const exponential = fc.record({
  strategy: fc.constant('exponential' as const),
  baseMs: positive,
  factor: fc.double({ min: 1, max: 100, noNaN: true }),
  maxMs: positive,
  jitter: share,
});
const waiting: fc.Arbitrary<RetryPolicy> = fc.oneof(
  exponential,
  fc.record({ strategy: fc.constant('fixed' as const), delayMs: delay }),
  fc.record({
    strategy: fc.constant('list' as const),
    delaysMs: fc.array(delay, { minLength: 1, maxLength: 100 }),
  }),
);

test('the default policy waits 1 s, 2 s, 4 s … up to an hour, less up to a fifth', () => {
  const waits = [1, 2, 3, 12, 13, 100].map((n) => retryDelayMs(DEFAULT_RETRY_POLICY, n, 0));
  expect(waits).toEqual([1000, 2000, 4000, 2_048_000, 3_600_000, 3_600_000]);
  expect(retryDelayMs(DEFAULT_RETRY_POLICY, 1, 0.5)).toBe(900);
  expect(retryDelayMs(DEFAULT_RETRY_POLICY, 1, 0.999_999)).toBe(800);
});

test('a list gives its waits in turn, and then its last one for ever', () => {
  const policy: RetryPolicy = { strategy: 'list', delaysMs: [5, 50, 7] };
  expect([1, 2, 3, 4, 100].map((n) => retryDelayMs(policy, n, 0))).toEqual([5, 50, 7, 7, 7]);
});

test('without retries there is no wait at all, which is not a wait of nothing', () => {
  expect(retryDelayMs({ strategy: 'none' }, 1, 0)).toBeNull();
});

test('every wait is a finite number of milliseconds from 0 to 30 days', () => {
  fc.assert(
    fc.property(waiting, attempt, random, (policy, n, chance) => {
      const ms = retryDelayMs(policy, n, chance);
      expect(ms).toSatisfy(Number.isSafeInteger);
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThanOrEqual(MAX_RETRY_DELAY_MS);
    }),
  );
});

test('a policy that asks for more than 30 days gets 30 days', () => {
  const year = 365 * 24 * 3_600_000;
  const policies: RetryPolicy[] = [
    { strategy: 'exponential', baseMs: year, factor: 1, maxMs: year, jitter: 0 },
    { strategy: 'fixed', delayMs: year },
    { strategy: 'list', delaysMs: [year] },
  ];
  for (const policy of policies) expect(retryDelayMs(policy, 1, 0)).toBe(MAX_RETRY_DELAY_MS);
});

test('an exponential wait never shrinks from one attempt to the next, and never exceeds its own maximum', () => {
  fc.assert(
    fc.property(exponential, attempt, random, (policy, n, chance) => {
      const now = retryDelayMs(policy, n, chance) ?? NaN;
      const next = retryDelayMs(policy, n + 1, chance) ?? NaN;
      expect(next).toBeGreaterThanOrEqual(now);
      expect(now).toBeLessThanOrEqual(policy.maxMs);
    }),
  );
});

test('jitter only shortens a wait, by its share at most', () => {
  fc.assert(
    fc.property(exponential, attempt, random, (policy, n, chance) => {
      const full = retryDelayMs(policy, n, 0) ?? NaN;
      const jittered = retryDelayMs(policy, n, chance) ?? NaN;
      expect(jittered).toBeLessThanOrEqual(full);
      // One millisecond for the rounding of both.
      expect(jittered).toBeGreaterThanOrEqual(full * (1 - policy.jitter) - 1);
    }),
  );
});

test('without jitter, chance changes nothing', () => {
  fc.assert(
    fc.property(exponential, attempt, random, (policy, n, chance) => {
      const steady = { ...policy, jitter: 0 };
      expect(retryDelayMs(steady, n, chance)).toBe(retryDelayMs(steady, n, 0));
    }),
  );
});
