import { expect, test } from 'vitest';
import { leaseToken, newLeaseSecret, readLeaseToken } from './lease-token.js';

const run = { delivery: 12, attempt: 3 };

test('a token tells its lease and run to the store, and the database knows only a hash of its secret', () => {
  const { secret, executorId } = newLeaseSecret();
  const token = leaseToken(secret, run, 30_000);
  expect(readLeaseToken(token)).toEqual({ executorId, ...run, leaseMs: 30_000 });
  expect(executorId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(executorId).not.toContain(secret);
});

test('no two leases share a secret', () => {
  const secrets = Array.from({ length: 1000 }, newLeaseSecret);
  expect(new Set(secrets.map(({ secret }) => secret)).size).toBe(1000);
  expect(new Set(secrets.map(({ executorId }) => executorId)).size).toBe(1000);
});

test('whoever knows what the database knows cannot make the token', () => {
  const { executorId } = newLeaseSecret();
  const guess = leaseToken(executorId.replaceAll('-', ''), run, 30_000);
  expect(readLeaseToken(guess)?.executorId).not.toBe(executorId);
});

test.each([
  '',
  'x',
  `${'a'.repeat(31)}.1.1.30000`,
  `${'a'.repeat(32)}.1.1`,
  `${'a'.repeat(32)}.1.1.4999`,
  `${'a'.repeat(32)}.1.1.3600001`,
  `${'a'.repeat(32)}.2147483648.1.30000`,
  `${'a'.repeat(32)}.-1.1.30000`,
  `${'a'.repeat(32)}.1.1.30000\n`,
])('%j is no token', (text) => {
  expect(readLeaseToken(text)).toBeUndefined();
});
