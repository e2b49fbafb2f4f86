import fc from 'fast-check';
import { expect, test } from 'vitest';
import { earliestMissing, eventId, parseEventId, positionAt } from './event-position.js';

const number = fc.nat({ max: 2 ** 40 });
const moment = fc.tuple(number, fc.array(fc.nat({ max: 2000 }), { maxLength: 5 })).map(([next, behind]) => ({
  next: next + 2000,
  underWay: behind.map((distance) => next + 2000 - distance),
}));

test('a position is the same after it was an id', () => {
  fc.assert(
    fc.property(number, moment, moment, number, (generation, from, to, seq) => {
      const position = { generation, from, to, seq };
      expect(parseEventId(eventId(position))).toEqual(position);
    }),
  );
});

test('an id is short, and has nothing that a header or a URL would have to escape', () => {
  const underWay = [1_000_000, 999_998];
  const id = eventId({ ...positionAt(1_790_000_000_000, { next: 1_000_001, underWay }), seq: 123_456 });
  expect(id).toMatch(/^[0-9a-z.-]{1,50}$/);
});

test.each([
  '',
  'x',
  '1-2-3',
  '1-2-3-4-5',
  '1-2-3-',
  '1--3-4',
  '1-2.3-3-4',
  '-1-2-3-4',
  '1-2-3-4\n',
  'ü-1-1-1',
  '9'.repeat(30),
])('what is no id of ours is not taken for one: %j', (text) => {
  expect(parseEventId(text)).toBeUndefined();
});

test('the earliest transaction that may be missing is the first that was under way', () => {
  expect(earliestMissing({ next: 10, underWay: [9, 7] })).toBe(7);
  expect(earliestMissing({ next: 10, underWay: [] })).toBe(10);
});
