import { expect, test } from 'vitest';
import { Batcher } from './batcher.js';

/** A flush whose batches finish only when the test says so. */
function heldFlush() {
  const batches: { items: number[]; finish: () => void }[] = [];
  const flush = (items: number[]) =>
    new Promise<number[]>((resolve) => {
      batches.push({ items, finish: () => resolve(items.map((item) => item * 10)) });
    });
  return { batches, flush };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test('a lone item is flushed at once, alone', async () => {
  const { batches, flush } = heldFlush();
  const batcher = new Batcher({ flush, maxItems: 100 });
  const result = batcher.add(1);
  await nextTurn();
  expect(batches.map((batch) => batch.items)).toEqual([[1]]);
  batches[0]?.finish();
  expect(await result).toBe(10);
});

test('what arrives while a batch is under way goes out together, each caller with its own result', async () => {
  const { batches, flush } = heldFlush();
  const batcher = new Batcher({ flush, maxItems: 100 });
  const first = batcher.add(1);
  await nextTurn();
  const rest = [batcher.add(2), batcher.add(3)];
  await nextTurn();
  expect(batches).toHaveLength(1);
  batches[0]?.finish();
  await first;
  await nextTurn();
  await nextTurn();
  expect(batches[1]?.items).toEqual([2, 3]);
  batches[1]?.finish();
  expect(await Promise.all(rest)).toEqual([20, 30]);
});

test('a batch never exceeds maxItems, and concurrency bounds the batches under way', async () => {
  const { batches, flush } = heldFlush();
  const batcher = new Batcher({ flush, maxItems: 2, concurrency: 2 });
  const results = Promise.all([1, 2, 3, 4, 5].map((item) => batcher.add(item)));
  await nextTurn();
  await nextTurn();
  await nextTurn();
  expect(batches.map((batch) => batch.items)).toEqual([
    [1, 2],
    [3, 4],
  ]);
  batches[0]?.finish();
  batches[1]?.finish();
  await nextTurn();
  await nextTurn();
  batches[2]?.finish();
  expect(await results).toEqual([10, 20, 30, 40, 50]);
});

test('one faulty item fails alone; its neighbours succeed', async () => {
  const flush = async (items: number[]) => {
    if (items.includes(3)) throw new RangeError('three');
    return items;
  };
  const batcher = new Batcher({ flush, maxItems: 100, isItemFault: (error) => error instanceof RangeError });
  const settled = await Promise.allSettled([1, 2, 3, 4].map((item) => batcher.add(item)));
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
});

test('a fault of the whole batch reaches every caller, and the next batch is tried afresh', async () => {
  let down = true;
  const flush = async (items: number[]) => {
    if (down) throw new Error('down');
    return items;
  };
  const batcher = new Batcher({ flush, maxItems: 100 });
  await expect(Promise.all([batcher.add(1), batcher.add(2)])).rejects.toThrow('down');
  down = false;
  expect(await batcher.add(3)).toBe(3);
});

test('items that count for several fill a batch sooner, and one that is too large goes alone', async () => {
  const batches: string[][] = [];
  const batcher = new Batcher<string, null>({
    flush: async (items) => {
      batches.push(items);
      return items.map(() => null);
    },
    maxItems: 5,
    sizeOf: ({ length }) => length,
  });
  await Promise.all(['aaa', 'bb', 'c', 'ddddddd', 'e'].map((item) => batcher.add(item)));
  expect(batches).toEqual([['aaa', 'bb'], ['c'], ['ddddddd'], ['e']]);
});
