import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseDuration } from './duration.js';

test.each([
  ['0s', 0],
  ['500ms', 500],
  ['30s', 30_000],
  ['5m', 300_000],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
  ['1h30m', 5_400_000],
  ['1m1ms', 60_001],
  ['1.5s', 1500],
  ['0.4ms', 0],
  ['007s', 7000],
])('%s is %i ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each([
  '',
  ' ',
  '5',
  'ms',
  's5',
  '-5s',
  '+5s',
  '5 s',
  ' 5s',
  '5s ',
  '5s\n',
  '1.s',
  '.5s',
  '1,5s',
  '5S',
  '5sec',
  '5s6',
  '1e3s',
  '٣s',
  '5s;',
])('%j is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test('parts add up', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(10_000), fc.constantFrom('ms', 's', 'm', 'h', 'd')), {
        minLength: 1,
        maxLength: 6,
      }),
      (parts) => {
        const texts = parts.map(([amount, unit]) => `${amount}${unit}`);
        const sum = texts.reduce((total, text) => total + (parseDuration(text) ?? NaN), 0);
        expect(parseDuration(texts.join(''))).toBe(sum);
      },
    ),
  );
});

test('whatever it is given, the answer is undefined or at least 0, and quick', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseDuration(text) ?? 0).toBeGreaterThanOrEqual(0);
    }),
  );
  expect(parseDuration(`${'1'.repeat(50_000)}x`)).toBeUndefined();
  expect(parseDuration(`${'1s'.repeat(50_000)}x`)).toBeUndefined();
});
