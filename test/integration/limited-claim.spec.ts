/** T1 for queues with limits, and for jobs with keys: what each rule lets through, and what stops it. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Fence } from '#common/database/leader-epochs.js';
import type { LimitedClaim, WantedLanes } from '#common/database/limited-feed.repository.js';
import { LaneRound } from '#common/domain/lane-round.js';
import type { NewJob } from '#common/domain/job.js';
import { UNLIMITED, type QueueSettings } from '#common/domain/queue.js';
import { uniqueName } from '../support/environment.js';
import { eventually } from '../support/eventually.js';
import { GRACE_MS, LONG_AGO, newJob, TestStore } from './support/database.js';

let store: TestStore;
let leader: Fence;
let queue: string;
let round: LaneRound;

beforeAll(async () => {
  store = await TestStore.open();
  leader = await store.lead('scheduler/shard-0');
});
afterAll(() => store.close());
beforeEach(() => {
  queue = uniqueName('queue');
  round = new LaneRound();
});

async function create(settings: Partial<QueueSettings> = {}): Promise<void> {
  await store.queues.create(queue, { ...UNLIMITED, ...settings });
}

/** Stores many, due one after the other. */
async function submit(count: number, changes: Partial<NewJob> = {}): Promise<string[]> {
  if ((changes.concurrencyKey ?? changes.fairnessKey ?? null) !== null)
    await store.queues.ensure(queue, true);
  const jobs = Array.from({ length: count }, (_, n) =>
    newJob({ queue, runAt: new Date(LONG_AGO.getTime() + n), ...changes }),
  );
  await store.jobs.insertTogether(jobs);
  return jobs.map(({ id }) => id);
}

/** One claim, after which the round goes on. */
async function claim(
  room: number,
  changes: Partial<WantedLanes> = {},
  fence = leader,
): Promise<LimitedClaim> {
  const { fairnessAfter, keyAfter } = round;
  const claims = await store.limitedFeed.claim(fence, [{ queue, room, fairnessAfter, keyAfter, ...changes }]);
  const [only] = claims === 'fenced' ? [] : claims;
  if (only === undefined) throw new Error('nothing could be looked at');
  round.advance({ ...only, served: only.jobs.map(({ fairness }) => fairness) });
  return only;
}
const claimed = async (room: number) => (await claim(room)).jobs.map(({ id }) => id);
/** How many of each fairness key, or of none. */
async function shares(room: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { fairness } of (await claim(room)).jobs) counts[fairness] = (counts[fairness] ?? 0) + 1;
  return counts;
}

async function start(ids: readonly string[]): Promise<string> {
  const executor = await store.executor();
  const deliveries = await Promise.all(
    ids.map(async (jobId) => ({ jobId, delivery: (await store.job(jobId)).delivery })),
  );
  await store.runs.start(executor, deliveries, GRACE_MS);
  return executor;
}

async function finish(ids: readonly string[], executorId: string): Promise<void> {
  for (const jobId of ids) {
    const { delivery, attempt } = await store.job(jobId);
    const decision = { state: 'succeeded', result: null } as const;
    await store.runs.finish([{ jobId, delivery, attempt, executorId, decision, output: [] }]);
  }
}

test('concurrency: no more are in flight than the queue allows, handed over and running together', async () => {
  await create({ concurrency: 3 });
  await submit(10);
  const first = await claim(100);
  expect(first).toMatchObject({ allowed: 3, concurrencyLeft: 0, stale: false });
  const ids = first.jobs.map(({ id }) => id);
  expect(ids).toHaveLength(3);
  expect(await claim(100)).toMatchObject({ allowed: 0, jobs: [] });
  const executor = await start(ids);
  expect(await claim(100)).toMatchObject({ allowed: 0, concurrencyLeft: 0, jobs: [] });
  await finish(ids.slice(0, 2), executor);
  expect(await claim(100)).toMatchObject({ allowed: 2, concurrencyLeft: 0 });
});

test('concurrency: what is taken back, cancelled or handed back makes room again', async () => {
  await create({ concurrency: 2 });
  await submit(5);
  const [one = '', two = ''] = await claimed(10);
  await store.jobs.cancel(one);
  await store.feed.takeBack(leader, [{ jobId: two, delivery: 1 }]);
  expect(await claimed(10)).toHaveLength(2);
});

test('concurrency: leaders that follow each other, and claim at the same time, never share a place', async () => {
  await create({ concurrency: 5 });
  await submit(200);
  const fences = [leader, leader, await store.lead(leader.election)];
  leader = fences[2] ?? leader;
  for (let n = 0; n < 10; n += 1) {
    await Promise.all(
      fences.flatMap((fence) =>
        [1, 2, 3].map(() =>
          store.limitedFeed.claim(fence, [{ queue, room: 4, fairnessAfter: '', keyAfter: '' }]),
        ),
      ),
    );
    const [row] = await store.prisma.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM jobs WHERE queue = $1 AND state = 'queued'`,
      queue,
    );
    expect(row?.count).toBeLessThanOrEqual(5);
    if (n % 3 === 2) await store.prisma.query(`UPDATE jobs SET state = 'scheduled' WHERE queue = $1`, queue);
  }
});

test('concurrency: a claim that began to see before another one was committed takes nothing, and the next one does', async () => {
  await create({ concurrency: 5 });
  await submit(20);
  const inFlight = async () => (await store.queues.counts([queue]))(queue).queued;
  let late: Promise<LimitedClaim> | undefined;
  await store.prisma.$transaction(async (holding) => {
    // The late claim sees what is in flight now, and then has to wait for this transaction.
    await holding.$executeRawUnsafe(
      `UPDATE leader_epochs SET holder = holder WHERE election = $1`,
      leader.election,
    );
    late = claim(5);
    await eventually(async () => {
      const waiting = await store.prisma.query(
        `SELECT 1 AS one FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '/* claim_limited */%'`,
      );
      expect(waiting).toHaveLength(1);
    });
    // Somebody who leases jobs of this queue under the same lock.
    await store.prisma.query(
      `WITH moved AS (UPDATE queues SET claims = claims + 1 WHERE name = $1)
       UPDATE jobs SET state = 'queued', queued_at = now(), delivery = 1, limited = true
       WHERE id IN (SELECT id FROM jobs WHERE queue = $1 LIMIT 3)`,
      queue,
    );
  });
  expect(await late).toMatchObject({ stale: true, jobs: [] });
  expect((await claim(5)).jobs).toHaveLength(2);
  expect(await inFlight()).toBe(5);
});

test('a queue whose row somebody else holds is left for the next claim, and does not hold up the others', async () => {
  await create({ concurrency: 5 });
  await submit(1);
  const held = queue;
  queue = uniqueName('queue');
  await create({ concurrency: 5 });
  await submit(1);
  const wanted = [held, queue].map((name) => ({ queue: name, room: 9, fairnessAfter: '', keyAfter: '' }));
  await store.prisma.$transaction(async (holding) => {
    await holding.$executeRawUnsafe(`UPDATE queues SET claims = claims + 1 WHERE name = $1`, held);
    expect(await store.limitedFeed.claim(leader, wanted)).toMatchObject([{ queue, jobs: [{ queue }] }]);
  });
});

test('a stale leader claims nothing and is told so', async () => {
  await create({ concurrency: 5 });
  await submit(1);
  const stale = await store.lead('scheduler/shard-9');
  await store.lead('scheduler/shard-9');
  expect(await store.limitedFeed.claim(stale, [{ queue, room: 1, fairnessAfter: '', keyAfter: '' }])).toBe(
    'fenced',
  );
});

test('priority: within a queue the most urgent goes first, then due time, then id', async () => {
  await create({ concurrency: 3 });
  const [late = ''] = await submit(1, { runAt: new Date(LONG_AGO.getTime() + 50) });
  const [early = ''] = await submit(1);
  const [urgent = ''] = await submit(1, { priority: 0, runAt: new Date(LONG_AGO.getTime() + 99) });
  expect(await claimed(3)).toEqual([urgent, early, late]);
});

test('what is not due is left alone, and the claim says when the next one will be', async () => {
  await create({ concurrency: 3 });
  await submit(1, { runAt: null, delayMs: 3_600_000 });
  await submit(1, { runAt: null, delayMs: 1_800_000, fairnessKey: 'a' });
  const { jobs, dueInMs } = await claim(3);
  expect(jobs).toEqual([]);
  expect(dueInMs).toBeGreaterThan(1_700_000);
  expect(dueInMs).toBeLessThanOrEqual(1_800_000);
});

test('concurrency per key: each key has its own places, and jobs without one have none to wait for', async () => {
  await create({ concurrencyPerKey: 2 });
  await submit(5, { concurrencyKey: 'a' });
  await submit(1, { concurrencyKey: 'b' });
  await submit(3);
  const ids = await claimed(100);
  const keys = await Promise.all(ids.map(async (id) => (await store.job(id)).concurrencyKey));
  const of = (key: string | null) => keys.filter((one) => one === key).length;
  expect([of('a'), of('b'), of(null)]).toEqual([2, 1, 3]);
  expect(await claimed(100)).toEqual([]);
  const ofA = ids.filter((_, index) => keys[index] === 'a');
  const executor = await start(ofA);
  expect(await claimed(100)).toEqual([]);
  await finish(ofA.slice(0, 1), executor);
  expect(await claimed(100)).toHaveLength(1);
});

test('concurrency per key: a key that several fairness keys use has its places once', async () => {
  await create({ concurrencyPerKey: 1 });
  for (const fairnessKey of ['x', 'y', 'z']) await submit(2, { concurrencyKey: 'shared', fairnessKey });
  expect(await claimed(100)).toHaveLength(1);
  expect(await claimed(100)).toHaveLength(0);
});

test('concurrency per key: it is one unless the queue says otherwise, also where a queue has no settings', async () => {
  await submit(3, { concurrencyKey: 'only one' });
  expect(await claimed(100)).toHaveLength(1);
  expect(await claimed(100)).toHaveLength(0);
});

test('concurrency per key: the same key in another queue is another key', async () => {
  await submit(1, { concurrencyKey: 'k' });
  expect(await claimed(1)).toHaveLength(1);
  queue = uniqueName('queue');
  await submit(1, { concurrencyKey: 'k' });
  expect(await claimed(1)).toHaveLength(1);
});

test('concurrency per key: a lane that is free is found behind a thousand that are not', async () => {
  await store.queues.ensure(queue, true);
  await store.jobs.insertTogether(
    Array.from({ length: 1000 }, (_, n) => newJob({ queue, concurrencyKey: `k${n}` })),
  );
  let taken = 0;
  for (let pass = 0; pass < 30; pass += 1) taken += (await claimed(500)).length;
  expect(taken).toBe(1000);
  await store.jobs.insertTogether(
    Array.from({ length: 1000 }, (_, n) => newJob({ queue, concurrencyKey: `k${n}` })),
  );
  const [free = ''] = await submit(1, { concurrencyKey: 'k555-free' });
  const found: string[] = [];
  for (let pass = 0; pass < 5; pass += 1) found.push(...(await claimed(500)));
  expect(found).toEqual([free]);
});

test('fair turns: a claim takes the first of each key before the second of any', async () => {
  await submit(100, { fairnessKey: 'noisy' });
  await submit(2, { fairnessKey: 'quiet', runAt: new Date() });
  await submit(2, { runAt: new Date() });
  const jobs = (await claim(7)).jobs.map(({ fairness }) => fairness);
  expect(jobs).toEqual(['noisy', 'quiet', '', 'noisy', 'quiet', '', 'noisy']);
});

test('fair turns: they go on from claim to claim, also where only one place becomes free at a time', async () => {
  await create({ concurrency: 1 });
  for (const fairnessKey of ['a', 'b', 'c']) await submit(20, { fairnessKey });
  const served: string[] = [];
  for (let n = 0; n < 9; n += 1) {
    const [job] = (await claim(10)).jobs;
    served.push(job?.fairness ?? '-');
    await store.jobs.cancel(job?.id ?? '');
  }
  expect(served).toEqual(['a', 'b', 'c', 'a', 'b', 'c', 'a', 'b', 'c']);
});

test('fair turns: urgency counts among the jobs of one key, and buys no turn of another', async () => {
  await create({ concurrency: 2 });
  await submit(20, { fairnessKey: 'loud', priority: 0 });
  const [least = ''] = await submit(1, { fairnessKey: 'modest', priority: 9 });
  expect(await claimed(10)).toContain(least);
});

test('fair turns: many concurrency keys give a fairness key no more turns', async () => {
  await store.queues.ensure(queue, true);
  await store.jobs.insertTogether([
    ...Array.from({ length: 600 }, (_, n) =>
      newJob({ queue, fairnessKey: 'many', concurrencyKey: `doc-${n}` }),
    ),
    ...Array.from({ length: 600 }, () => newJob({ queue, fairnessKey: 'one' })),
  ]);
  expect(await shares(20)).toEqual({ many: 10, one: 10 });
  expect(await shares(20)).toEqual({ many: 10, one: 10 });
});

test('fair turns: of more keys than one claim looks at, none is passed over', async () => {
  await store.queues.ensure(queue, true);
  await store.jobs.insertTogether(
    Array.from({ length: 300 }, (_, n) => newJob({ queue, fairnessKey: `t${n % 100}` })),
  );
  const served: string[] = [];
  for (let n = 0; n < 10; n += 1) served.push(...(await claim(20)).jobs.map(({ fairness }) => fairness));
  expect(served).toHaveLength(200);
  const counts = new Map<string, number>();
  for (const key of served) counts.set(key, (counts.get(key) ?? 0) + 1);
  expect(counts.size).toBe(100);
  expect(Math.max(...counts.values())).toBeLessThanOrEqual(2);
});

test('rate: what an interval allows goes evenly spaced, and what nobody used is not saved up', async () => {
  await create({ rateLimit: { limit: 2, intervalMs: 60_000 } });
  await submit(10);
  const first = await claim(100);
  expect(first).toMatchObject({ allowed: 1 });
  expect(first.jobs).toHaveLength(1);
  expect(first.rateWaitMs).toBeGreaterThan(29_000);
  expect(first.rateWaitMs).toBeLessThanOrEqual(30_010);
  await start(first.jobs.map(({ id }) => id));
  expect(await claim(100)).toMatchObject({ allowed: 0, jobs: [] });
  // An hour later: one, not a hundred and twenty.
  await store.prisma.query(
    `UPDATE queues SET rate_next_at = now() - interval '1 hour' WHERE name = $1`,
    queue,
  );
  expect((await claim(100)).jobs).toHaveLength(1);
});

test('rate: no interval sees more than the limit, whenever claims come', async () => {
  await create({ rateLimit: { limit: 200, intervalMs: 1000 } });
  await submit(1000);
  const handedOver: number[] = [];
  const endAt = Date.now() + 1500;
  while (Date.now() < endAt) {
    const ids = await claimed(100);
    if (ids.length === 0) continue;
    const executor = await start(ids);
    await finish(ids, executor);
    handedOver.push(
      ...(await Promise.all(ids.map(async (id) => (await store.job(id)).startedAt?.getTime() ?? 0))),
    );
  }
  const [times] = await store.prisma.query<{ ms: number[] }>(
    `SELECT array_agg(extract(epoch FROM started_at)::float8 * 1000 ORDER BY started_at) AS ms FROM jobs WHERE queue = $1 AND started_at IS NOT NULL`,
    queue,
  );
  const all = times?.ms ?? [];
  expect(all.length).toBeGreaterThan(20);
  for (const [index, at] of all.entries())
    expect(all.slice(index).filter((later) => later < at + 900).length).toBeLessThanOrEqual(200);
});

test('rate: what has not been started holds up the next ones, so that busy executors make no bursts', async () => {
  await create({ rateLimit: { limit: 10, intervalMs: 1000 } });
  await submit(10);
  const ids = await claimed(100);
  expect(ids).toHaveLength(1);
  await store.prisma.query(`UPDATE queues SET rate_next_at = now() - interval '1 s' WHERE name = $1`, queue);
  expect(await claim(100)).toMatchObject({ allowed: 0, jobs: [] });
  await start(ids);
  expect(await claimed(100)).toHaveLength(1);
});

test('all limits of a queue hold together', async () => {
  await create({ concurrency: 4, concurrencyPerKey: 2, rateLimit: { limit: 1000, intervalMs: 1000 } });
  await submit(10, { concurrencyKey: 'a' });
  await submit(10, { concurrencyKey: 'b' });
  await submit(10);
  const ids: string[] = [];
  for (let n = 0; n < 5; n += 1) ids.push(...(await claimed(100)));
  expect(ids).toHaveLength(4);
});
