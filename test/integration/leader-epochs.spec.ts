/** The fencing tokens of leadership: they only grow, and of two who think they lead only one has the newest. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { uniqueName } from '../support/environment.js';
import { TestStore } from './support/database.js';

let store: TestStore;
let election: string;

beforeAll(async () => {
  store = await TestStore.open();
});
afterAll(() => store.close());
beforeEach(() => {
  election = uniqueName('election');
});

test('the first leader gets epoch 1, each younger candidate the next one', async () => {
  expect(await store.epochs.read(election)).toBeUndefined();
  expect(await store.epochs.advance(election, 10n, 'one')).toBe(1n);
  expect(await store.epochs.advance(election, 11n, 'two')).toBe(2n);
  expect(await store.epochs.read(election)).toMatchObject({ epoch: 2n, czxid: 11n, holder: 'two' });
});

test('a candidate that is older than one who led, or as old, is superseded and changes nothing', async () => {
  await store.epochs.advance(election, 10n, 'one');
  expect(await store.epochs.advance(election, 9n, 'older')).toBe('superseded');
  expect(await store.epochs.advance(election, 10n, 'same')).toBe('superseded');
  expect(await store.epochs.read(election)).toMatchObject({ epoch: 1n, czxid: 10n, holder: 'one' });
});

test('after ZooKeeper lost its data an epoch is seized, whatever transaction was stored', async () => {
  await store.epochs.advance(election, 1_000_000n, 'before');
  expect(await store.epochs.seize(election, 3n, 'after')).toBe(2n);
  expect(await store.epochs.advance(election, 4n, 'next')).toBe(3n);
  expect(await store.epochs.seize(uniqueName('election'), 3n, 'first')).toBe(1n);
});

test('of many candidates at once each that gets an epoch gets one of its own, and the youngest has the last', async () => {
  const czxids = Array.from({ length: 20 }, (_, n) => BigInt(n + 1));
  const granted = await Promise.all(
    czxids.map((czxid) => store.epochs.advance(election, czxid, `c${czxid}`)),
  );
  const epochs = granted.filter((epoch) => epoch !== 'superseded');
  expect(new Set(epochs).size).toBe(epochs.length);
  expect(granted.at(-1)).not.toBe('superseded');
  const { epoch, holder } = (await store.epochs.read(election)) ?? {};
  expect(epoch).toBe(BigInt(epochs.length));
  expect(holder).toBe('c20');
  // Younger candidates have higher epochs.
  expect(epochs).toEqual(epochs.toSorted((a, b) => Number(a - b)));
});

test('an epoch stands until the next one is granted, and never for another election', async () => {
  const fence = { election, epoch: (await store.epochs.advance(election, 1n, 'one')) as bigint };
  expect(await store.epochs.stands(fence)).toBe(true);
  expect(await store.epochs.stands({ ...fence, election: uniqueName('election') })).toBe(false);
  await store.epochs.advance(election, 2n, 'two');
  expect(await store.epochs.stands(fence)).toBe(false);
  expect(await store.epochs.stands({ election, epoch: 2n })).toBe(true);
});

test('elections know nothing of each other, and all of them are listed', async () => {
  const other = uniqueName('election');
  await store.epochs.advance(election, 7n, 'one');
  await store.epochs.advance(other, 1n, 'two');
  const listed = await store.epochs.list();
  expect(listed.filter((row) => [election, other].includes(row.election))).toMatchObject(
    [
      { election, epoch: 1n, holder: 'one' },
      { election: other, epoch: 1n, holder: 'two' },
    ].toSorted((a, b) => (a.election < b.election ? -1 : 1)),
  );
});
