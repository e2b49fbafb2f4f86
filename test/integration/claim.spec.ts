/** T1: what the feeder's claim takes, in which order, and what stops it. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { NOTHING_CLAIMED } from '#common/domain/claim-positions.js';
import { CLAIMED_AHEAD_MS } from '#common/database/job-statements.js';
import type { Fence } from '#common/database/leader-epochs.js';
import { eventually } from '../support/eventually.js';
import { uniqueName } from '../support/environment.js';
import { LONG_AGO, TestStore } from './support/database.js';

let store: TestStore;
let leader: Fence;
let queue: string;

beforeAll(async () => {
  store = await TestStore.open();
  leader = await store.lead();
});
afterAll(() => store.close());
beforeEach(() => {
  queue = uniqueName('queue');
});

const claim = (room: number, fence = leader) => store.claim(fence, { [queue]: room });
function ids(claimed: Awaited<ReturnType<typeof claim>>): string[] {
  if (claimed === 'fenced') throw new Error('was fenced');
  return claimed.map(({ id }) => id);
}

test('a due job is handed over once: queued, with the next delivery', async () => {
  const { id } = await store.submit({ queue });
  expect(await claim(10)).toMatchObject([{ id, delivery: 1, type: 'test', queue, priority: 5 }]);
  expect(await store.job(id)).toMatchObject({ state: 'queued', delivery: 1, attempt: 0 });
  expect((await store.job(id)).queuedAt).toBeInstanceOf(Date);
  expect(await claim(10)).toEqual([]);
});

test('what is not due yet is left alone', async () => {
  const { id } = await store.submit({ queue, runAt: new Date(Date.now() + 3_600_000) });
  await store.submit({ queue, runAt: null, delayMs: 3_600_000 });
  expect(await claim(10)).toEqual([]);
  await store.turnClock('jobs', id, `run_at = now()`);
  expect(ids(await claim(10))).toEqual([id]);
});

test('the order is priority, then due time, then id', async () => {
  const at = (ms: number) => new Date(LONG_AGO.getTime() + ms);
  const late = await store.submit({ queue, priority: 5, runAt: at(9) });
  const early = await store.submit({ queue, priority: 5, runAt: at(1) });
  const least = await store.submit({ queue, priority: 9, runAt: at(0) });
  const twin = await store.submit({ queue, priority: 5, runAt: at(9) });
  const urgent = await store.submit({ queue, priority: 0, runAt: at(99) });
  expect(ids(await claim(2))).toEqual([urgent.id, early.id]);
  expect(ids(await claim(10))).toEqual([late.id, twin.id, least.id]);
});

test('each queue gets no more than its room, and queues that were not asked for get nothing', async () => {
  const other = uniqueName('queue');
  const third = uniqueName('queue');
  for (let n = 0; n < 4; n += 1)
    for (const name of [queue, other, third]) await store.submit({ queue: name, priority: n });
  const claimed = await store.claim(leader, { [queue]: 3, [other]: 1 });
  const queues = claimed === 'fenced' ? [] : claimed.map((job) => job.queue);
  expect(queues.toSorted()).toEqual([queue, queue, queue, other].toSorted());
  expect(await claim(0)).toEqual([]);
});

test('a leader whose epoch is stale changes nothing and is told so', async () => {
  const { id } = await store.submit({ queue });
  const stale = await store.lead();
  const successor = await store.lead(stale.election);
  expect(await claim(10, stale)).toBe('fenced');
  expect(await claim(10, { ...successor, epoch: successor.epoch + 1n })).toBe('fenced');
  expect(await claim(10, { election: 'never held', epoch: 1n })).toBe('fenced');
  expect(await store.job(id)).toMatchObject({ state: 'scheduled', delivery: 0 });
  expect(ids(await claim(10, successor))).toEqual([id]);
});

test('a leader that stands and finds nothing is not told that it is fenced', async () => {
  expect(await claim(10)).toEqual([]);
});

test('leaders that claim at the same time share no job, and miss none', async () => {
  const jobs = await Promise.all(Array.from({ length: 300 }, () => store.submit({ queue })));
  const rounds = await Promise.all(Array.from({ length: 6 }, () => claim(60)));
  const claimed = rounds.flatMap((round) => ids(round));
  expect(new Set(claimed).size).toBe(claimed.length);
  const rest = ids(await claim(1000));
  expect([...claimed, ...rest].toSorted()).toEqual(jobs.map(({ id }) => id).toSorted());
});

test('a claim and the next epoch never both win: what a stale leader claims was claimed before it was stale', async () => {
  for (let round = 0; round < 20; round += 1) {
    const { id } = await store.submit({ queue });
    const old = await store.lead();
    const [claimed] = await Promise.all([claim(1, old), store.lead(old.election)]);
    const { delivery } = await store.job(id);
    expect(delivery).toBe(claimed === 'fenced' ? 0 : 1);
    if (claimed === 'fenced') await claim(1);
  }
});

test('a job is claimed a moment before its due time, so that it can be handed over at that time, and no sooner', async () => {
  await store.submit({ queue, runAt: null, delayMs: 60_000 });
  await eventually(async () => {
    const { id } = await store.submit({ queue, runAt: null, delayMs: CLAIMED_AHEAD_MS - 1 });
    const claimed = await store.feed.claimDue(leader, [{ queue, room: 2 }], '0');
    expect(claimed.map((job) => job.id)).toEqual([id]);
    // Unless this took longer than the job was away.
    expect(claimed[0]?.dueInMs).toBeGreaterThan(0);
  });
});

test('the next time to claim is a moment before the first job that waits is due, in any of the queues', async () => {
  const queues = [
    { queue, room: 0 },
    { queue: uniqueName('other'), room: 0 },
  ];
  const nextDue = async () => Number(await store.feed.nextClaimInMs(leader, queues, '0'));
  expect(await store.feed.nextClaimInMs(leader, queues, '0')).toBeNull();
  await store.submit({ queue, runAt: null, delayMs: 7_200_000, priority: 0 });
  await store.submit({ queue: queues[1]?.queue ?? '', runAt: null, delayMs: 3_600_000 });
  expect(await nextDue()).toBeGreaterThan(3_500_000);
  expect(await nextDue()).toBeLessThanOrEqual(3_600_000);
  await store.submit({ queue });
  expect(await nextDue()).toBeLessThanOrEqual(0);
  await claim(1);
  expect(await nextDue()).toBeGreaterThan(3_500_000);
});

test('a claim begins behind the position that it is given, in each priority by itself', async () => {
  const at = (ms: number) => new Date(LONG_AGO.getTime() + ms);
  const behind = await store.submit({ queue, runAt: at(0) });
  const last = await store.submit({ queue, runAt: at(5) });
  const twin = await store.submit({ queue, runAt: at(5) });
  const later = await store.submit({ queue, runAt: at(6) });
  const urgent = await store.submit({ queue, runAt: at(0), priority: 0 });
  const positions = NOTHING_CLAIMED.with(5, { atMs: at(5).getTime(), id: last.id });
  const claimed = await store.feed.claimDue(leader, [{ queue, room: 10, positions }], '0');
  expect(claimed.map(({ id }) => id)).toEqual([urgent.id, twin.id, later.id]);
  expect(ids(await claim(10))).toEqual([behind.id, last.id]);
});

test('a position of the last second hides nothing: what became visible late is found', async () => {
  const { id } = await store.submit({ queue, runAt: null });
  const positions = NOTHING_CLAIMED.with(5, {
    atMs: Date.now() + 500,
    id: 'ffffffff-ffff-ffff-ffff-ffffffffffff',
  });
  const claimed = await store.feed.claimDue(leader, [{ queue, room: 10, positions }], '0');
  expect(claimed.map((job) => job.id)).toEqual([id]);
});

test('every queue belongs to exactly one shard', async () => {
  const names = Array.from({ length: 20 }, () => uniqueName('queue'));
  for (const name of names) await store.prisma.query(`INSERT INTO queues (name) VALUES ($1)`, name);
  const shards = await Promise.all(
    [0, 1, 2].map((number) => store.feed.queuesOf({ number, of: 3 }, leader.election)),
  );
  const seen = shards.flatMap(({ queues }) => queues.map(({ name }) => name));
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen).toEqual(expect.arrayContaining(names));
});
