import { expect, test } from 'vitest';
import { foreignness } from './foreign-pages.js';

test.each([
  ['POST', 'localhost:3000', undefined],
  ['POST', '127.0.0.1:3000', 'http://127.0.0.1:3000'],
  ['POST', '[::1]:3000', 'http://[::1]:3000'],
  ['GET', 'localhost:3000', 'http://evil.example'],
  ['POST', undefined, undefined],
])('%s to %s from %s is let through on loopback', (method, host, origin) => {
  expect(foreignness(method, host, origin, true)).toBeUndefined();
});

test.each([
  ['POST', 'localhost:3000', 'http://evil.example'],
  ['POST', 'localhost:3000', 'http://localhost:3001'],
  ['POST', 'localhost:3000', 'null'],
  ['POST', 'evil.example', undefined],
  ['GET', 'evil.example:3000', undefined],
  ['GET', 'localhost.evil.example', undefined],
])('%s to %s from %s is refused on loopback', (method, host, origin) => {
  expect(foreignness(method, host, origin, true)?.status).toBe(403);
});

test('beyond loopback the store has other names, and a page of its own site may use it', () => {
  expect(foreignness('POST', 'jobs.example', 'https://jobs.example', false)).toBeUndefined();
  expect(foreignness('POST', 'jobs.example', 'https://evil.example', false)?.status).toBe(403);
});
