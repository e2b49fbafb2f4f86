/** Leases and the settings of queues: what each rule lets through, alone and beside the claims of executors. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { JobTypeRepository } from '#common/database/job-type.repository.js';
import { LeaseRepository } from '#common/database/lease.repository.js';
import { LeasingRepository, type LeasedJob } from '#common/database/leasing.repository.js';
import type { Fence } from '#common/database/leader-epochs.js';
import { LEASE_LIMITED } from '#common/database/limited-lease-statement.js';
import { OrderedFeedRepository } from '#common/database/ordered-feed.repository.js';
import { Notifier } from '#common/database/notifications.js';
import type { NewJob } from '#common/domain/job.js';
import { UNLIMITED, type QueueSettings } from '#common/domain/queue.js';
import { uniqueName } from '../support/environment.js';
import { eventually } from '../support/eventually.js';
import { LONG_AGO, newJob, TestStore } from './support/database.js';

let store: TestStore;
let leases: LeaseRepository;
let leasing: LeasingRepository;
let leader: Fence;
let type: string;
let queue: string;

beforeAll(async () => {
  store = await TestStore.open();
  leases = new LeaseRepository(store.prisma, new Notifier(store.prisma));
  leasing = new LeasingRepository(store.prisma);
  leader = await store.lead('scheduler/shard-0');
});
afterAll(() => store.close());
beforeEach(async () => {
  type = uniqueName('type');
  queue = uniqueName('queue');
  await new JobTypeRepository(store.prisma).announceRemote({ type, payloadSchema: {} });
});

const create = (settings: Partial<QueueSettings> = {}) =>
  store.queues.create(queue, { ...UNLIMITED, ...settings });

/** Stores many, due one after the other; for workers unless the type is another. */
async function submit(count: number, changes: Partial<NewJob> = {}): Promise<string[]> {
  const isKeyed = (changes.concurrencyKey ?? changes.fairnessKey ?? null) !== null;
  await store.queues.ensure(changes.queue ?? queue, isKeyed);
  const jobs = Array.from({ length: count }, (_, n) =>
    newJob({ type, queue, runAt: new Date(LONG_AGO.getTime() + n), ...changes }),
  );
  await store.jobs.insertTogether(jobs);
  return jobs.map(({ id }) => id);
}

const look = (count: number) =>
  leasing.lease(
    { types: [type], queues: null },
    Array.from({ length: count }, () => ({ executorId: randomUUID(), leaseMs: 60_000, worker: 'w' })),
  );
const lease = async (count: number) => (await look(count)).jobs;
async function claim(room: number): Promise<string[]> {
  const claims = await store.limitedFeed.claim(leader, [{ queue, room, fairnessAfter: '', keyAfter: '' }]);
  return claims === 'fenced' ? [] : claims.flatMap(({ jobs }) => jobs.map(({ id }) => id));
}
const end = (jobs: readonly LeasedJob[]) =>
  leases.finish(
    jobs.map(({ id, delivery, attempt, executorId }) => ({
      jobId: id,
      delivery,
      attempt,
      executorId: executorId ?? '',
      decision: { state: 'succeeded', result: null },
      output: [],
    })),
  );
const keysOf = (jobs: readonly LeasedJob[]) => jobs.map(({ concurrencyKey }) => concurrencyKey);
async function inFlight(): Promise<number> {
  const [row] = await store.prisma.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM jobs WHERE queue = $1 AND state IN ('queued', 'running')`,
    queue,
  );
  return row?.count ?? 0;
}

test('pause: nothing is leased until the queue is resumed, and the line does not look for it in between', async () => {
  const ids = await submit(1);
  await store.queues.setPaused(queue, true);
  expect(await look(5)).toEqual({ jobs: [], againInMs: null });
  expect(await leasing.nextDueInMs({ types: [type], queues: null })).toBeNull();
  await store.queues.setPaused(queue, false);
  expect((await lease(5)).map(({ id }) => id)).toEqual(ids);
});

test('pause: it waits for a lease that is under way, and none that begins later takes anything', async () => {
  await submit(20);
  let paused = false;
  const startedLate: string[] = [];
  const worker = async () => {
    for (let n = 0; n < 15; n += 1) {
      const wasPaused = paused;
      const jobs = await lease(1);
      if (wasPaused) startedLate.push(...jobs.map(({ id }) => id));
    }
  };
  const workers = [worker(), worker()];
  await lease(1);
  await store.queues.setPaused(queue, true);
  paused = true;
  const before = await inFlight();
  await Promise.all(workers);
  expect(startedLate).toEqual([]);
  expect(await inFlight()).toBe(before);
});

test('pause: a change of settings that commits while a lease looks at the queue counts for that lease', async () => {
  await submit(5);
  await store.prisma.$transaction(async (changing) => {
    await changing.$executeRawUnsafe(`UPDATE queues SET paused = true WHERE name = $1`, queue);
    expect(await lease(5)).toEqual([]);
  });
  expect(await lease(5)).toEqual([]);
});

test('a queue that is just being settled is left alone', async () => {
  await create({ concurrency: 5 });
  await submit(1);
  await store.prisma.query(`UPDATE queues SET settled = false WHERE name = $1`, queue);
  expect(await lease(5)).toEqual([]);
  await store.queues.settle(queue);
  expect(await lease(5)).toHaveLength(1);
});

test('a queue that its leader drains is never leased from, with or without keys, until it is shared again', async () => {
  await submit(2);
  const settings = async (changes: Partial<QueueSettings>) => {
    const known = await store.queues.get(queue);
    if (known === undefined) throw new Error('there is no queue');
    await store.queues.change(known, { ...UNLIMITED, ...changes });
  };
  await settings({ drain: 'leader' });
  expect(await look(5)).toEqual({ jobs: [], againInMs: null });
  expect(await leasing.nextDueInMs({ types: [type], queues: null })).toBeNull();
  await submit(2, { concurrencyKey: 'a' });
  expect(await look(5)).toEqual({ jobs: [], againInMs: null });
  // As by a lease that had found the queue among the limited ones just before it was put in order.
  const lateLook = [[type], queue, [randomUUID()], [60_000], ['w'], 0] as const;
  expect(await store.prisma.query(LEASE_LIMITED, ...lateLook)).toEqual([]);
  await settings({ drain: 'shared' });
  expect(await lease(5)).toHaveLength(3);
});

test('jobs that run on workers when their queue goes over to strict order have ended before one is handed over', async () => {
  await submit(1);
  const leased = await lease(1);
  const known = await store.queues.get(queue);
  if (known === undefined) throw new Error('there is no queue');
  await store.queues.change(known, { ...UNLIMITED, drain: 'leader' });
  const [id] = await submit(1, { type: 'test' });
  const ordered = new OrderedFeedRepository(store.prisma, store.epochs);
  expect(await ordered.claim(leader, [queue])).toMatchObject([{ busy: true, job: null }]);
  await end(leased);
  expect(await ordered.claim(leader, [queue])).toMatchObject([{ job: { id } }]);
});

test('what has expired is not leased from a queue with limits either', async () => {
  await create({ concurrency: 5 });
  await submit(2, { expiresAt: LONG_AGO });
  const [id] = await submit(1);
  expect((await lease(5)).map((job) => job.id)).toEqual([id]);
});

test('concurrency: leased, handed over and running jobs fill the same places', async () => {
  await create({ concurrency: 4 });
  await submit(10);
  await submit(10, { type: 'test' });
  expect(await claim(1)).toHaveLength(1);
  const leased = await lease(100);
  expect(leased).toHaveLength(3);
  expect(await claim(100)).toEqual([]);
  expect(await look(100)).toEqual({ jobs: [], againInMs: null });
  await end(leased.slice(0, 2));
  expect(await claim(1)).toHaveLength(1);
  expect(await lease(100)).toHaveLength(1);
  expect(await inFlight()).toBe(4);
});

test('what comes in just when its queue is deleted is leased when the queue has its settings, and counts against them', async () => {
  await store.jobs.insertTogether([newJob({ type, queue }), newJob({ type, queue })]);
  expect(await look(5)).toEqual({ jobs: [], againInMs: null });
  await create({ concurrency: 1 });
  expect(await lease(5)).toHaveLength(1);
});

test('concurrency: what was leased before there was a limit counts against it', async () => {
  await submit(10);
  const leased = await lease(3);
  const known = await store.queues.get(queue);
  if (known === undefined) throw new Error('there is no queue');
  await store.queues.change(known, { ...UNLIMITED, concurrency: 4 });
  expect(await lease(100)).toHaveLength(1);
  await end(leased);
  expect(await lease(100)).toHaveLength(3);
});

test('concurrency: leases and claims at the same time never share a place', async () => {
  await create({ concurrency: 5 });
  await submit(60);
  await submit(60, { type: 'test' });
  let most = 0;
  let taken = 0;
  for (let n = 0; n < 15; n += 1) {
    const [claimed, ...leased] = await Promise.all([claim(3), lease(4), lease(4), lease(4)]);
    most = Math.max(most, await inFlight());
    taken += claimed.length + leased.flat().length;
    await end(leased.flat());
    for (const id of claimed) await store.jobs.cancel(id);
  }
  expect(most).toBe(5);
  expect(taken).toBeGreaterThan(15);
});

test('concurrency: a lease that began to see before another one was committed takes nothing', async () => {
  await create({ concurrency: 5 });
  await submit(20);
  // The statement itself, with a place to stop after it began to see and before it locks the queue.
  const stopping = LEASE_LIMITED.replace('/* lease_limited */', '/* lease_late */').replace(
    'nosync AS MATERIALIZED (SELECT ',
    'nosync AS MATERIALIZED (SELECT pg_advisory_xact_lock(1), ',
  );
  expect(stopping).toContain('pg_advisory_xact_lock');
  let late: Promise<{ stale: boolean; id: string | null }[]> | undefined;
  await store.prisma.$transaction(async (holding) => {
    await holding.$executeRawUnsafe('SELECT pg_advisory_xact_lock(1)');
    const executors = Array.from({ length: 5 }, () => randomUUID());
    late = store.prisma.query(
      stopping,
      [type],
      queue,
      executors,
      Array(5).fill(60_000),
      Array(5).fill('w'),
      0,
    );
    await eventually(async () => {
      const waiting = await store.prisma.query(
        `SELECT 1 AS one FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '/* lease_late */%'`,
      );
      expect(waiting).toHaveLength(1);
    });
    expect(await lease(3)).toHaveLength(3);
  });
  expect(await late).toMatchObject([{ stale: true, id: null }]);
  expect(await inFlight()).toBe(3);
  expect(await lease(5)).toHaveLength(2);
});

test('concurrency per key: a key has its places once, for leases and claims together; others pass by', async () => {
  await create({ concurrencyPerKey: 2 });
  await submit(1, { type: 'test', concurrencyKey: 'a' });
  expect(await claim(10)).toHaveLength(1);
  await submit(5, { concurrencyKey: 'a' });
  await submit(3, { concurrencyKey: 'b' });
  await submit(2);
  const leased = await lease(100);
  const of = (key: string | null) => keysOf(leased).filter((one) => one === key).length;
  expect([of('a'), of('b'), of(null)]).toEqual([1, 2, 2]);
  expect(await lease(100)).toEqual([]);
  await end(leased.filter(({ concurrencyKey }) => concurrencyKey === 'a'));
  expect(keysOf(await lease(100))).toEqual(['a']);
});

test('concurrency per key: it holds among leases at the same time', async () => {
  await submit(30, { concurrencyKey: 'only one' });
  for (let n = 0; n < 10; n += 1) {
    const jobs = (await Promise.all([lease(3), lease(3), lease(3)])).flat();
    expect(jobs.length).toBeLessThanOrEqual(1);
    await end(jobs);
  }
});

test('fair turns: a lease takes the first of each key before the second of any', async () => {
  await submit(50, { fairnessKey: 'noisy' });
  await submit(2, { fairnessKey: 'quiet', runAt: new Date() });
  const keys = (await lease(6)).map(({ fairnessKey }) => fairnessKey);
  expect(keys.filter((key) => key === 'quiet')).toHaveLength(2);
  expect(new Set(keys.slice(0, 2)).size).toBe(2);
});

test('rate: leases and claims move the same clock, and a lease says when the next one may go', async () => {
  await create({ rateLimit: { limit: 2, intervalMs: 60_000 } });
  await submit(5);
  await submit(5, { type: 'test' });
  const { jobs, againInMs } = await look(100);
  expect(jobs).toHaveLength(1);
  expect(againInMs).toBeGreaterThan(29_000);
  expect(againInMs).toBeLessThanOrEqual(30_010);
  expect(await claim(100)).toEqual([]);
  const turnBack = () =>
    store.prisma.query(`UPDATE queues SET rate_next_at = now() - interval '1 h' WHERE name = $1`, queue);
  await turnBack();
  expect(await claim(100)).toHaveLength(1);
  expect(await lease(100)).toEqual([]);
  // What waits for an executor is no reason to let a worker wait.
  await turnBack();
  expect(await lease(100)).toHaveLength(1);
});

test('a job of a limited queue that is not due is not leased, and the lease says when it will be', async () => {
  await create({ concurrency: 3 });
  await submit(1, { runAt: null, delayMs: 3_600_000 });
  const { jobs, againInMs } = await look(3);
  expect(jobs).toEqual([]);
  expect(againInMs).toBeGreaterThan(3_500_000);
  expect(againInMs).toBeLessThanOrEqual(3_600_000);
});

test('queues with limits and those without both have their turns, and one lease may serve from both', async () => {
  await create({ concurrency: 50 });
  await submit(50);
  await submit(50, { queue: uniqueName('queue') });
  const queues = new Set<string>();
  for (let n = 0; n < 40; n += 1) for (const job of await lease(1)) queues.add(job.queue);
  expect(queues.size).toBe(2);
  const rest = await lease(100);
  expect(rest).toHaveLength(60);
  expect(new Set(rest.map(({ executorId }) => executorId)).size).toBe(60);
});

test('the end of a leased job that counted against a limit is told', async () => {
  const hints: string[] = [];
  const listener = await store.listen((hint) => hints.push(hint));
  await create({ concurrency: 1 });
  await submit(1);
  await end(await lease(1));
  await eventually(() => hints.includes('room'));
  await listener.close();
});

test('a queue with jobs for workers is not empty, and they are counted', async () => {
  await submit(2);
  expect((await store.queues.counts([queue]))(queue)).toEqual({ scheduled: 2 });
  expect(await store.queues.delete(queue, undefined)).toBeUndefined();
});
