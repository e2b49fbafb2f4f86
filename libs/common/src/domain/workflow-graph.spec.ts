import fc from 'fast-check';
import { expect, test } from 'vitest';
import { orderJobs } from './workflow-graph.js';

const edge = (parent: number, child: number) => ({ parent, child });

/** Any graph, with or without cycles. */
const graph = fc
  .integer({ min: 1, max: 12 })
  .chain((size) =>
    fc.tuple(
      fc.constant(size),
      fc.uniqueArray(fc.tuple(fc.nat(size - 1), fc.nat(size - 1)), {
        maxLength: 20,
        selector: ([parent, child]) => parent * size + child,
      }),
    ),
  )
  .map(([size, pairs]) => ({ size, edges: pairs.map(([parent, child]) => edge(parent, child)) }));

test('each job comes after all that it depends on, or there is a cycle of edges that exist', () => {
  fc.assert(
    fc.property(graph, ({ size, edges }) => {
      const found = orderJobs(size, edges);
      if (found.kind === 'order') {
        expect(found.order.toSorted((a, b) => a - b)).toEqual([...Array.from({ length: size }).keys()]);
        const place = new Map(found.order.map((job, index) => [job, index]));
        for (const { parent, child } of edges) expect(place.get(parent)).toBeLessThan(place.get(child) ?? -1);
      } else {
        const { cycle } = found;
        expect(cycle.length).toBeGreaterThan(0);
        expect(new Set(cycle).size).toBe(cycle.length);
        for (const [index, child] of cycle.entries()) {
          const parent = cycle[(index + 1) % cycle.length];
          expect(edges).toContainEqual({ parent, child });
        }
      }
    }),
  );
});

test('jobs that depend on nothing keep the order in which they were given', () => {
  expect(orderJobs(4, [edge(3, 0)])).toEqual({ kind: 'order', order: [1, 2, 3, 0] });
});

test('a job that waits for itself is a cycle of one', () => {
  expect(orderJobs(2, [edge(1, 1)])).toEqual({ kind: 'cycle', cycle: [1] });
});

test('a cycle is told without the jobs that merely wait for it', () => {
  const found = orderJobs(5, [edge(0, 1), edge(1, 2), edge(3, 2), edge(2, 3), edge(3, 4)]);
  expect(found.kind === 'cycle' && found.cycle.toSorted((a, b) => a - b)).toEqual([2, 3]);
});

test('ten thousand jobs in one long chain are ordered, and so is a star of them', () => {
  const chain = Array.from({ length: 9999 }, (_, n) => edge(n + 1, n));
  expect(orderJobs(10_000, chain)).toMatchObject({ kind: 'order' });
  const star = Array.from({ length: 9999 }, (_, n) => edge(0, n + 1));
  expect(orderJobs(10_000, star)).toMatchObject({ kind: 'order' });
});
