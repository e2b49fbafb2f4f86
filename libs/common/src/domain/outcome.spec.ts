import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canFollow, ON_LOST } from './job.js';
import { decide, type Attempted, type Outcome } from './outcome.js';
import type { RetryPolicy } from './retry-policy.js';

const error = { name: 'Boom', message: 'it broke' };
const job = (changes: Partial<Attempted> = {}): Attempted => ({
  attempt: 1,
  maxAttempts: 4,
  retry: null,
  onLost: 'retry',
  ...changes,
});

const failures = ['failed', 'timed_out', 'lost'] as const;

const anyOutcome: fc.Arbitrary<Outcome> = fc.oneof(
  fc.record({ kind: fc.constant('succeeded' as const), result: fc.constant(1) }),
  fc.record(
    {
      kind: fc.constant('failed' as const),
      error: fc.constant(error),
      final: fc.boolean(),
      retryAfterMs: fc.nat(),
    },
    { requiredKeys: ['kind', 'error'] },
  ),
  fc.record({ kind: fc.constantFrom('timed_out' as const, 'lost' as const), error: fc.constant(error) }),
  fc.record({ kind: fc.constant('snoozed' as const), delayMs: fc.nat() }),
  fc.record({ kind: fc.constantFrom('interrupted' as const, 'cancelled' as const) }),
);
const anyPolicy = fc.constantFrom<RetryPolicy | null>(
  null,
  { strategy: 'none' },
  { strategy: 'fixed', delayMs: 10 },
  { strategy: 'list', delaysMs: [1, 2] },
);
const anyJob: fc.Arbitrary<Attempted> = fc
  .tuple(
    fc.integer({ min: 1, max: 100 }),
    fc.integer({ min: 1, max: 100 }),
    anyPolicy,
    fc.constantFrom(...ON_LOST),
  )
  .map(([one, other, retry, onLost]) => ({
    attempt: Math.min(one, other),
    maxAttempts: Math.max(one, other),
    retry,
    onLost,
  }));
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('success keeps the result', () => {
  expect(decide(job(), { kind: 'succeeded', result: { n: 1 } }, 0)).toEqual({
    state: 'succeeded',
    result: { n: 1 },
  });
});

test.each(failures)('%s is tried again after the wait of its policy, and is kept in the history', (kind) => {
  expect(decide(job({ attempt: 2 }), { kind, error }, 0)).toEqual({
    state: 'scheduled',
    delayMs: 2000,
    counted: { outcome: kind, error },
  });
});

test.each(failures)('%s on the last attempt makes the job dead, with its error', (kind) => {
  expect(decide(job({ attempt: 4 }), { kind, error }, 0)).toEqual({ state: 'dead', error });
});

test.each(failures)('%s of a job without retries makes it dead at once', (kind) => {
  expect(decide(job({ retry: { strategy: 'none' } }), { kind, error }, 0)).toEqual({ state: 'dead', error });
});

test('a final failure is not tried again, however many attempts are left', () => {
  expect(decide(job(), { kind: 'failed', error, final: true, retryAfterMs: 5 }, 0)).toEqual({
    state: 'dead',
    error,
  });
});

test('a job that must not be repeated unseen is held when its executor died, on the last attempt too', () => {
  for (const attempt of [1, 4])
    expect(decide(job({ onLost: 'hold', attempt }), { kind: 'lost', error }, 0)).toEqual({
      state: 'blocked',
      error,
    });
});

test('a job that must not be repeated at all is dead when its executor died', () => {
  expect(decide(job({ onLost: 'fail' }), { kind: 'lost', error }, 0)).toEqual({ state: 'dead', error });
});

test('what a job wants when its executor dies says nothing about failures of its own', () => {
  for (const onLost of ON_LOST)
    for (const kind of ['failed', 'timed_out'] as const)
      expect(decide(job({ onLost }), { kind, error }, 0).state).toBe('scheduled');
});

test('a failure that names its wait gets it instead of the one of the policy, a wait of 0 included', () => {
  for (const retryAfterMs of [0, 7])
    expect(decide(job(), { kind: 'failed', error, retryAfterMs }, 0)).toMatchObject({
      delayMs: retryAfterMs,
    });
});

test('a failure that names its wait still dies with its last attempt', () => {
  expect(decide(job({ attempt: 4 }), { kind: 'failed', error, retryAfterMs: 7 }, 0).state).toBe('dead');
});

test('snoozed and interrupted attempts do not count, on the last attempt neither', () => {
  const last = job({ attempt: 4, retry: { strategy: 'none' } });
  expect(decide(last, { kind: 'snoozed', delayMs: 9 }, 0)).toEqual({ state: 'scheduled', delayMs: 9 });
  expect(decide(last, { kind: 'interrupted' }, 0)).toEqual({ state: 'scheduled', delayMs: 0 });
});

test('a handler that ended because of a cancellation makes the job cancelled', () => {
  expect(decide(job(), { kind: 'cancelled' }, 0)).toEqual({ state: 'cancelled' });
});

test('every decision is a legal way out of running, and one more attempt is granted only while one is left', () => {
  fc.assert(
    fc.property(anyJob, anyOutcome, random, (attempted, outcome, chance) => {
      const decision = decide(attempted, outcome, chance);
      expect(canFollow('running', decision.state)).toBe(true);
      const isCountedRetry = decision.state === 'scheduled' && decision.counted !== undefined;
      expect(isCountedRetry && attempted.attempt >= attempted.maxAttempts).toBe(false);
    }),
  );
});

test('a job that always fails is dead after exactly maxAttempts attempts', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), random, (maxAttempts, chance) => {
      let attempt = 1;
      while (decide(job({ attempt, maxAttempts }), { kind: 'failed', error }, chance).state === 'scheduled')
        attempt += 1;
      expect(attempt).toBe(maxAttempts);
    }),
  );
});
