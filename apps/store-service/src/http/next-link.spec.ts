import { expect, test } from 'vitest';
import { nextLink } from './next-link.js';

test('the link to the next page has all that the request had, and goes on where it ended', () => {
  expect(nextLink('/api/v1/jobs?q=type:a%20%22b%22&cursor=old&limit=2', 'new')).toBe(
    '</api/v1/jobs?q=type%3Aa+%22b%22&cursor=new&limit=2>; rel="next"',
  );
});

test('nothing that a client sends gets out of the angle brackets', () => {
  expect(nextLink('/api/v1/jobs?q=>;%0d%0a"<', 'x')).toBe(
    '</api/v1/jobs?q=%3E%3B%0D%0A%22%3C&cursor=x>; rel="next"',
  );
});
