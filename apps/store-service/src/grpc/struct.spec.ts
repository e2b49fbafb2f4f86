import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Json } from '#common/domain/job.js';
import { fitsMessage, jsonOfStruct, structOf } from './struct.js';

test('JSON survives the way into a message and back', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (json) => {
      expect(jsonOfStruct(structOf(json as Record<string, Json>))).toEqual(json);
    }),
  );
});

test('a field called __proto__ stays a field, and a value without a kind is null', () => {
  const fields = JSON.parse('{"__proto__": {"boolValue": true}, "empty": {}}') as Record<string, object>;
  expect(JSON.stringify(jsonOfStruct({ fields }))).toBe('{"__proto__":true,"empty":null}');
});

test('what is nested 31 levels deep does not fit any more', () => {
  const nested = (depth: number): Json => (depth === 0 ? 1 : [nested(depth - 1)]);
  expect([fitsMessage(nested(30)), fitsMessage(nested(31))]).toEqual([true, false]);
});
