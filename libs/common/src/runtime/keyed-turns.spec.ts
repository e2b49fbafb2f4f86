import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeyedTurns } from './keyed-turns.js';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test('those of one key go one after the other, in order of arrival; another key does not wait for them', async () => {
  const turns = new KeyedTurns();
  const order: string[] = [];
  let leave: () => void = () => undefined;
  const first = turns.take('a', () => new Promise<void>((resolve) => (leave = resolve)));
  const later = ['second', 'third'].map((name) => turns.take('a', async () => order.push(name)));
  await turns.take('b', async () => order.push('other'));
  await nextTurn();
  expect(order).toEqual(['other']);
  leave();
  await Promise.all([first, ...later]);
  expect(order).toEqual(['other', 'second', 'third']);
});

test('a failure is told to whom it belongs, and the next one has its turn', async () => {
  const turns = new KeyedTurns();
  const failing = turns.take('a', () => Promise.reject(new Error('no')));
  const next = turns.take('a', async () => 'yes');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('yes');
  expect(turns.keys).toBe(0);
});

test('whatever comes when, no two of a key are at work, all are done, and no key is kept', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), before: fc.nat(3), stay: fc.nat(3) })),
      async (visits) => {
        const turns = new KeyedTurns();
        const working = new Set<string>();
        const wait = async (times: number) => {
          for (let n = 0; n < times; n += 1) await nextTurn();
        };
        const done = await Promise.all(
          visits.map(async ({ key, before, stay }) => {
            await wait(before);
            return turns.take(key, async () => {
              expect(working.has(key)).toBe(false);
              working.add(key);
              await wait(stay);
              working.delete(key);
              return key;
            });
          }),
        );
        expect(done).toEqual(visits.map(({ key }) => key));
        expect(turns.keys).toBe(0);
      },
    ),
    { numRuns: 50 },
  );
});
