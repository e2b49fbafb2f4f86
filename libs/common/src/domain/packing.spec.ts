import fc from 'fast-check';
import { expect, test } from 'vitest';
import { envelopeSize, MAX_ENVELOPE_SIZE, pack } from './packing.js';

interface Item {
  readonly type: string;
  readonly n: number;
}

const types = ['quick', 'middling', 'slow', 'unknown'] as const;
const items: fc.Arbitrary<Item[]> = fc
  .array(fc.constantFrom(...types), { maxLength: 600 })
  .map((list) => list.map((type, n) => ({ type, n })));
const means = fc.record({
  quick: fc.double({ min: 0, max: 1, noNaN: true }),
  middling: fc.double({ min: 1, max: 10, noNaN: true }),
  slow: fc.double({ min: 10.01, max: 1e6, noNaN: true }),
});
const slots = fc.integer({ min: 0, max: 100 });
const lookUp = (known: Readonly<Record<string, number>>) => (type: string) => known[type];

test('every item travels exactly once', () => {
  fc.assert(
    fc.property(items, means, slots, (list, known, free) => {
      const packed = pack(list, lookUp(known), free).flat();
      expect(packed.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(list.map(({ n }) => n));
    }),
  );
});

test('an envelope holds one type, at least one item, and no more than its size', () => {
  fc.assert(
    fc.property(items, means, slots, (list, known, free) => {
      for (const envelope of pack(list, lookUp(known), free)) {
        const type = envelope[0]?.type ?? '';
        const waiting = list.filter((item) => item.type === type).length;
        expect(new Set(envelope.map((item) => item.type)).size).toBe(1);
        expect(envelope.length).toBeLessThanOrEqual(envelopeSize(lookUp(known)(type), waiting, free));
      }
    }),
  );
});

test('within a type the order given is kept', () => {
  fc.assert(
    fc.property(items, means, slots, (list, known, free) => {
      const packed = pack(list, lookUp(known), free).flat();
      for (const type of types) {
        const numbers = packed.filter((item) => item.type === type).map(({ n }) => n);
        expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      }
    }),
  );
});

test('the first item of the backlog is in the first envelope', () => {
  fc.assert(
    fc.property(items, means, slots, (list, known, free) => {
      expect(pack(list, lookUp(known), free)[0]?.[0]).toBe(list[0]);
    }),
  );
});

test('a type of which nothing is known, or whose jobs are slow, travels alone', () => {
  fc.assert(
    fc.property(items, means, slots, (list, known, free) => {
      const alone = pack(list, lookUp(known), free).filter(
        ([first]) => first?.type === 'slow' || first?.type === 'unknown',
      );
      for (const envelope of alone) expect(envelope).toHaveLength(1);
    }),
  );
});

test('a backlog that the slots can take one by one travels one by one', () => {
  const list = Array.from({ length: 20 }, (_, n) => ({ type: 'quick', n }));
  expect(pack(list, () => 0.01, 20)).toHaveLength(20);
  expect(pack(list, () => 0.01, 5).map(({ length }) => length)).toEqual([4, 4, 4, 4, 4]);
});

test('the size is bounded by the work, by the share of a slot, and by a maximum', () => {
  expect(envelopeSize(1, 100, 10)).toBe(10);
  expect(envelopeSize(0.1, 100, 10)).toBe(10);
  expect(envelopeSize(0, 1_000_000, 1)).toBe(MAX_ENVELOPE_SIZE);
  expect(envelopeSize(100.1, 1_000_000, 1)).toBe(1);
  expect(envelopeSize(undefined, 1_000_000, 1)).toBe(1);
  expect(envelopeSize(0.1, 10, 0)).toBe(10);
});

test('where each slot has much before it, an envelope may hold more work, but never more than a quarter of that', () => {
  expect(envelopeSize(20, 1000, 10)).toBe(5);
  expect(envelopeSize(20, 120, 10)).toBe(3);
  expect(envelopeSize(20, 70, 10)).toBe(1);
  expect(envelopeSize(1, 1000, 10)).toBe(25);
});

test('no backlog makes no envelopes', () => {
  expect(pack([], () => 1, 4)).toEqual([]);
});
