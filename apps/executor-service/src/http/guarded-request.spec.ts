import { expect, test } from 'vitest';
import { redirected, RedirectRefused } from './guarded-request.js';
import { retryAfterMs } from './retry-after.js';

const post = {
  url: new URL('https://one.test/a/b?q=1'),
  method: 'POST',
  headers: {
    Authorization: 'Bearer x',
    'X-Api-Key': 'y',
    Accept: 'text/plain',
    'content-type': 'text/plain',
  },
  body: 'hello',
};

test('a redirect keeps or drops method and body as HTTP has it', () => {
  for (const status of [301, 302, 303]) {
    const next = redirected(post, status, 'c');
    expect(next).toMatchObject({ method: 'GET', body: undefined });
    expect(next.url.href).toBe('https://one.test/a/c');
    expect(Object.keys(next.headers)).toEqual(['Authorization', 'X-Api-Key', 'Accept']);
  }
  for (const status of [307, 308]) expect(redirected(post, status, '/c')).toMatchObject({ ...post, url: {} });
  expect(redirected({ ...post, method: 'PUT' }, 302, '/c')).toMatchObject({ method: 'PUT', body: 'hello' });
  expect(redirected({ ...post, method: 'HEAD' }, 303, '/c').method).toBe('HEAD');
});

test('another origin sees no header that could be a credential', () => {
  for (const location of ['https://two.test/', 'https://one.test:8443/', '//two.test/'])
    expect(redirected(post, 307, location).headers).toEqual({
      Accept: 'text/plain',
      'content-type': 'text/plain',
    });
});

test('a redirect from https to http, or to what is neither, is refused', () => {
  expect(() => redirected(post, 302, 'http://one.test/')).toThrow('from https to http');
  for (const location of ['file:///etc/passwd', 'gopher://one.test/', 'https://'])
    expect(() => redirected(post, 302, location)).toThrow(RedirectRefused);
});

test('user and password of a redirect are not sent', () => {
  expect(redirected(post, 302, 'https://u:p@one.test/').url.href).toBe('https://one.test/');
});

test('Retry-After is a number of seconds, or a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  expect(retryAfterMs('120', now)).toBe(120_000);
  expect(retryAfterMs('Thu, 01 Jan 2026 00:00:30 GMT', now)).toBe(30_000);
  expect(retryAfterMs('Wed, 31 Dec 2025 23:59:00 GMT', now)).toBe(0);
  for (const header of [undefined, '', '-5', '1.5', 'soon', '2026-01-01', '9'.repeat(10)])
    expect(retryAfterMs(header, now)).toBeUndefined();
});
