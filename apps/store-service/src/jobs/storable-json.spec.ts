import fc from 'fast-check';
import { expect, test } from 'vitest';
import { storableJson } from './storable-json.js';

/** The paths of what is wrong; none when it is accepted. */
function faults(value: unknown): string[] {
  const parsed = storableJson.safeParse(value);
  return parsed.success ? [] : parsed.error.issues.map(({ path }) => path.join('.'));
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { in: value };
  return value;
}

test('JSON without NUL and broken Unicode is accepted as it is', () => {
  const text = fc.string({ unit: 'grapheme' }).map((value) => value.replaceAll('\0', ''));
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: text, maxDepth: 20 }), (value) => {
      expect(storableJson.parse(value)).toBe(value);
    }),
  );
});

test.each([
  [{ a: { b: ['x', '\0'] } }, 'a.b.1'],
  [{ a: 'before\0after' }, 'a'],
  ['\0', ''],
  [{ a: '\uD800' }, 'a'],
  [{ a: ['\uDE00\uD83D'] }, 'a.0'],
  [{ a: { 'k\0': 1 } }, 'a'],
  [{ '\uDFFF': 1 }, ''],
  [{ a: [Number.POSITIVE_INFINITY] }, 'a.0'],
  [{ a: Number.NaN }, 'a'],
  [{ a: JSON.parse('{"__proto__": 1}') as unknown }, 'a'],
])('%j is refused, and the fault is found at %j', (value, path) => {
  expect(faults(value)).toEqual([path]);
});

test('64 levels are enough, more are refused, and depth alone breaks nothing', () => {
  expect(faults(nested(64))).toEqual([]);
  expect(faults(nested(65))).toEqual(['']);
  expect(faults(JSON.parse(`${'['.repeat(100_000)}${']'.repeat(100_000)}`))).toEqual(['']);
});

test('a whole surrogate pair is no fault', () => {
  expect(faults({ '😀': ['👩‍👩‍👧', '\uD83D\uDE00'] })).toEqual([]);
});
