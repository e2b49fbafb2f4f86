import { describe, expect, it, test } from 'vitest';
import { parseRate, rateText, TokenBucket } from './rate.js';

test.each([
  ['100/s', { requests: 100, windowS: 1 }],
  ['600/m', { requests: 600, windowS: 60 }],
  ['1/h', { requests: 1, windowS: 3600 }],
])('%s is a rate, and is written so again', (text, rate) => {
  expect(parseRate(text)).toEqual(rate);
  expect(rateText(rate)).toBe(text);
});

test.each(['', '0/s', '100', '100/d', '1.5/s', '-1/s', '9999999/s', ' 1/s'])('%j is no rate', (text) => {
  expect(parseRate(text)).toBeUndefined();
});

describe('a bucket of 10 requests a minute', () => {
  const bucket = () => new TokenBucket({ requests: 10, windowS: 60 }, 1000);

  it('lets a burst of ten pass and refuses the eleventh', () => {
    const full = bucket();
    const quotas = Array.from({ length: 11 }, () => full.take(1000));
    expect(quotas.map(({ allowed }) => allowed)).toEqual([...Array.from({ length: 10 }, () => true), false]);
    expect(quotas[0]).toEqual({ allowed: true, remaining: 9, fullInS: 6, retryInS: 0 });
    expect(quotas[10]).toEqual({ allowed: false, remaining: 0, fullInS: 60, retryInS: 6 });
  });

  it('has one more token after six seconds, and no sooner', () => {
    const empty = bucket();
    for (let i = 0; i < 10; i += 1) empty.take(1000);
    expect(empty.take(6900).allowed).toBe(false);
    expect(empty.take(7000).allowed).toBe(true);
    expect(empty.take(7000).allowed).toBe(false);
  });

  it('holds no more than ten however long it rested', () => {
    const rested = bucket();
    expect(rested.take(10_000_000).remaining).toBe(9);
  });
});
