import { expect, test } from 'vitest';
import { digestOf, newKeyText, presentedKey } from './api-key-text.js';

test('a new key has 256 random bits behind a prefix that people know it by', () => {
  const keys = Array.from({ length: 100 }, newKeyText);
  expect(keys.filter((key) => !/^tv_[\w-]{43}$/.test(key))).toEqual([]);
  expect(new Set(keys).size).toBe(100);
});

test.each([
  ['a bearer token', { authorization: 'Bearer tv_a' }, 'tv_a'],
  ['a bearer token in other letters', { authorization: 'bearer  tv_a' }, 'tv_a'],
  ['the header of its own', { 'x-api-key': 'tv_b' }, 'tv_b'],
  ['both: the bearer token counts', { authorization: 'Bearer tv_a', 'x-api-key': 'tv_b' }, 'tv_a'],
  ['another scheme beside it', { authorization: 'Basic eDp5', 'x-api-key': 'tv_b' }, 'tv_b'],
  ['another scheme', { authorization: 'Basic eDp5' }, undefined],
  ['nothing', {}, undefined],
  ['an empty header', { authorization: 'Bearer ', 'x-api-key': '' }, undefined],
])('presented as %s', (_how, headers, expected) => {
  expect(presentedKey(headers)).toBe(expected);
});

test('of a text that is too long no more is looked at than says so', () => {
  const long = presentedKey({ 'x-api-key': 'x'.repeat(100_000) }) ?? '';
  expect(long.length).toBe(201);
  expect(digestOf(long)).not.toBe(digestOf(long.slice(0, 200)));
});
