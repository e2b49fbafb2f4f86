import { expect, test } from 'vitest';
import { arrayLiteral } from './array-literal.js';

test.each([
  [[], '{}'],
  [[1, -2.5, true, false], '{1,-2.5,true,false}'],
  [[null, undefined, 'NULL'], '{NULL,NULL,"NULL"}'],
  [['', 'a b', 'a,b', '{}'], '{"","a b","a,b","{}"}'],
  [['say "hi"', 'back\\slash', 'line\nbreak'], '{"say \\"hi\\"","back\\\\slash","line\nbreak"}'],
])('%j is written so that Postgres reads the same items', (items, literal) => {
  expect(arrayLiteral(items)).toBe(literal);
});
