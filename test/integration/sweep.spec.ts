/** T3: finding deliveries that nobody has started, and taking back those that the queue has lost. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Delivery } from '#common/domain/job.js';
import type { Fence } from '#common/database/leader-epochs.js';
import { uniqueName } from '../support/environment.js';
import { GRACE_MS, TestStore } from './support/database.js';

let store: TestStore;
let leader: Fence;
let queue: string;
const shard = { number: 0, of: 1 };

beforeAll(async () => {
  store = await TestStore.open();
  leader = await store.lead();
});
afterAll(() => store.close());
beforeEach(async () => {
  queue = uniqueName('queue');
  await store.prisma.query(`INSERT INTO queues (name) VALUES ($1)`, queue);
});

async function handOver(): Promise<Delivery> {
  const { id } = await store.submit({ queue });
  const claimed = await store.claim(leader, { [queue]: 1 });
  expect(claimed).toHaveLength(1);
  return { jobId: id, delivery: (await store.job(id)).delivery };
}

test('a delivery that was lost is taken back, and handed over again under the next number', async () => {
  const lost = await handOver();
  expect(await store.feed.takeBack(leader, [lost])).toBe(1);
  expect(await store.job(lost.jobId)).toMatchObject({ state: 'scheduled', delivery: 1, queuedAt: null });
  expect(await store.claim(leader, { [queue]: 1 })).toMatchObject([{ id: lost.jobId, delivery: 2 }]);
});

test('what was started, ended, or handed over anew meanwhile is left alone', async () => {
  const executor = await store.executor();
  const started = await handOver();
  await store.runs.start(executor, [started], GRACE_MS);
  const cancelled = await handOver();
  await store.jobs.cancel(cancelled.jobId);
  const again = await handOver();
  await store.feed.takeBack(leader, [again]);
  await store.claim(leader, { [queue]: 1 });
  expect(await store.feed.takeBack(leader, [started, cancelled, again])).toBe(0);
  expect((await store.job(started.jobId)).state).toBe('running');
  expect((await store.job(cancelled.jobId)).state).toBe('cancelled');
  expect(await store.job(again.jobId)).toMatchObject({ state: 'queued', delivery: 2 });
});

test('a stale leader takes nothing back and is told so', async () => {
  const lost = await handOver();
  const stale = await store.lead();
  await store.lead(stale.election);
  expect(await store.feed.takeBack(stale, [lost])).toBe('fenced');
  expect((await store.job(lost.jobId)).state).toBe('queued');
});

test('the same delivery, named twice, is taken back once', async () => {
  const lost = await handOver();
  expect(await store.feed.takeBack(leader, [lost, lost])).toBe(1);
});

test('only deliveries older than the age are overdue, the oldest first, up to the limit', async () => {
  const young = await handOver();
  const [older, oldest] = [await handOver(), await handOver()];
  await store.turnClock('jobs', older.jobId, `queued_at = now() - interval '1 h'`);
  await store.turnClock('jobs', oldest.jobId, `queued_at = now() - interval '2 h'`);
  const overdue = (ageMs: number, limit: number) => store.feed.findOverdue(shard, ageMs, limit);
  expect(await overdue(60_000, 10)).toEqual([
    { ...oldest, queue },
    { ...older, queue },
  ]);
  expect(await overdue(60_000, 1)).toEqual([{ ...oldest, queue }]);
  expect((await overdue(-60_000, 10_000)).map(({ jobId }) => jobId)).toContain(young.jobId);
});
