import { expect, test } from 'vitest';
import { isPage, nextLink } from './next-link.js';

test('the link to the next page has all that the request had, and goes on where it ended', () => {
  expect(
    nextLink('/api/v1/jobs?q=type:a%20%22b%22&cursor=old&limit=2', { jobs: [], nextCursor: 'new' }),
  ).toBe('</api/v1/jobs?q=type%3Aa+%22b%22&cursor=new&limit=2>; rel="next"');
  expect(nextLink('/api/v1/queues', { queues: [], nextAfter: 'mail' })).toBe(
    '</api/v1/queues?after=mail>; rel="next"',
  );
  expect(
    nextLink('/api/v1/schedules/a/occurrences?outcome=fired', { nextBefore: '2030-01-31T08:00:00.000Z' }),
  ).toBe('</api/v1/schedules/a/occurrences?outcome=fired&before=2030-01-31T08%3A00%3A00.000Z>; rel="next"');
});

test('nothing that a client sends gets out of the angle brackets', () => {
  expect(nextLink('/api/v1/jobs?q=>;%0d%0a"<', { nextCursor: 'x' })).toBe(
    '</api/v1/jobs?q=%3E%3B%0D%0A%22%3C&cursor=x>; rel="next"',
  );
});

test.each([[{ jobs: [], nextCursor: null }], [{ id: 'x' }], [[]], ['text'], [null], [undefined]])(
  '%j is the last page or none, and has no link',
  (answer) => {
    expect(nextLink('/api/v1/jobs', answer)).toBeUndefined();
  },
);

test('an answer is known as a page by the field that says where to go on', () => {
  expect([isPage(['jobs', 'nextCursor']), isPage(['queues', 'nextAfter']), isPage(['id'])]).toEqual([
    true,
    true,
    false,
  ]);
});
