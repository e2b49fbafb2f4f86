/** Queues: what a change of settings does to what is in flight, counts, deletion, and what is forgotten comes back. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { JobTypeRepository } from '#common/database/job-type.repository.js';
import type { Fence } from '#common/database/leader-epochs.js';
import type { Queue } from '#common/database/queue.repository.js';
import { COUNTED } from '#common/database/queue-statements.js';
import { UNLIMITED, type QueueSettings } from '#common/domain/queue.js';
import { uniqueName } from '../support/environment.js';
import { eventually } from '../support/eventually.js';
import { GRACE_MS, newJob, TestStore } from './support/database.js';

let store: TestStore;
let leader: Fence;
let queue: string;
const shard = { number: 0, of: 1 };

beforeAll(async () => {
  store = await TestStore.open();
  leader = await store.lead('scheduler/shard-0');
});
afterAll(() => store.close());
beforeEach(async () => {
  queue = uniqueName('queue');
  await store.queues.ensure(queue);
});

const settings = (changes: Partial<QueueSettings> = {}): QueueSettings => ({ ...UNLIMITED, ...changes });
async function change(changes: Partial<QueueSettings>): Promise<Queue> {
  const changed = await store.queues.change(await current(), settings(changes));
  if (changed === 'stale') throw new Error('was changed meanwhile');
  return changed;
}
async function current(): Promise<Queue> {
  const found = await store.queues.get(queue);
  if (found === undefined) throw new Error('there is no such queue');
  return found;
}
const known = async () => {
  const { queues, settingsVersion } = await store.feed.queuesOf(shard, leader.election);
  return { version: settingsVersion, ...queues.find(({ name }) => name === queue) };
};
const submit = async (count: number) => {
  const jobs = await store.jobs.insertTogether(Array.from({ length: count }, () => newJob({ queue })));
  return jobs.map(({ id }) => id);
};
const claimPlain = async (room: number) =>
  store.feed.claimDue(leader, [{ queue, room }], (await known()).version);
const claimLimited = async (room: number) => {
  const claims = await store.limitedFeed.claim(leader, [{ queue, room, fairnessAfter: '', keyAfter: '' }]);
  return claims === 'fenced' ? [] : claims.flatMap(({ jobs }) => jobs);
};
const states = async (ids: readonly string[]) =>
  Promise.all(ids.map(async (id) => (await store.job(id)).state));
const deliveriesOf = (jobs: readonly { id: string; delivery: number }[]) =>
  jobs.map(({ id, delivery }) => ({ jobId: id, delivery }));

test('a queue without settings is told to leaders as one without limits, and one with settings as one with', async () => {
  expect(await known()).toMatchObject({ limited: false, paused: false, settled: true });
  await change({ concurrency: 3 });
  expect(await known()).toMatchObject({ limited: true, settled: true });
  await change({});
  expect(await known()).toMatchObject({ limited: false });
  await change({ rateLimit: { limit: 1, intervalMs: 1000 } });
  expect(await known()).toMatchObject({ limited: true });
  await change({ concurrencyPerKey: 7 });
  expect(await known()).toMatchObject({ limited: false });
});

test('the first job with a key makes the leader look for lanes', async () => {
  await store.queues.ensure(queue, true);
  expect(await known()).toMatchObject({ limited: true });
});

test('a leader that has not heard of new settings claims nothing, and is told so', async () => {
  const before = (await known()).version;
  await submit(3);
  await change({ concurrency: 1 });
  expect(await store.feed.claimDue(leader, [{ queue, room: 10 }], before)).toEqual([]);
  expect(await store.feed.nextClaimInMs(leader, [{ queue, room: 10 }], before)).toBe('outdated');
  expect(await store.feed.nextClaimInMs(leader, [{ queue, room: 10 }], (await known()).version)).not.toBe(
    'outdated',
  );
});

test('new settings wait for a claim that is under way, and count what it took', async () => {
  await submit(10);
  const { version } = await known();
  for (let n = 0; n < 5; n += 1) {
    const [claimed] = await Promise.all([
      store.feed.claimDue(leader, [{ queue, room: 10 }], version),
      change({ concurrency: 2 + n }),
    ]);
    // Either it came first, and what it took went back; or it took nothing.
    expect((await store.queues.counts([queue]))(queue)).toEqual({ scheduled: 10 });
    expect([0, 10]).toContain(claimed.length);
    await change({});
  }
});

test('a limit counts what ran before it was set, and takes back what had been handed over', async () => {
  const ids = await submit(6);
  const executor = await store.executor();
  const claimed = await claimPlain(4);
  await store.runs.start(executor, deliveriesOf(claimed.slice(0, 2)), GRACE_MS);
  await change({ concurrency: 3 });
  expect((await store.queues.counts([queue]))(queue)).toEqual({ scheduled: 4, running: 2 });
  expect(await claimLimited(10)).toHaveLength(1);
  expect((await states(ids)).filter((state) => state !== 'scheduled')).toHaveLength(3);
  // What was handed over before is void.
  expect(await store.runs.start(executor, deliveriesOf(claimed.slice(2)), GRACE_MS)).toEqual([
    'stale',
    'stale',
  ]);
});

test('a limit that is lowered takes back what has not started, and lets the rest run', async () => {
  await submit(10);
  await change({ concurrency: 6 });
  const executor = await store.executor();
  const claimed = await claimLimited(10);
  await store.runs.start(executor, deliveriesOf(claimed.slice(0, 3)), GRACE_MS);
  await change({ concurrency: 2 });
  expect((await store.queues.counts([queue]))(queue)).toEqual({ scheduled: 7, running: 3 });
  expect(await claimLimited(10)).toEqual([]);
});

test('a rate that is changed while it holds jobs back lets them go at the new one from then on', async () => {
  const hourly = { ...UNLIMITED, rateLimit: { limit: 1, intervalMs: 3_600_000 } };
  await change(hourly);
  await submit(5);
  const claim = async () => (await claimLimited(10)).length;
  expect(await claim()).toBe(1);
  expect(await claim()).toBe(0);
  // The same once more, and a setting that is none of its business: it goes on where it was.
  await change({ ...hourly, concurrency: 100 });
  expect(await claim()).toBe(0);
  await change({ ...UNLIMITED, rateLimit: { limit: 1, intervalMs: 7_200_000 } });
  expect(await claim()).toBe(1);
  expect(await claim()).toBe(0);
  // The one that has been handed over last stays so: no limit holds it up any more.
  await change(UNLIMITED);
  expect(await claim()).toBe(4);
});

test('pause: when it is answered, nothing starts that had been handed over, and nothing more is claimed', async () => {
  const ids = await submit(3);
  const claimed = await claimPlain(2);
  const executor = await store.executor();
  expect(await store.queues.setPaused(queue, true)).toMatchObject({ paused: true, version: 2 });
  expect(await states(ids)).toEqual(['scheduled', 'scheduled', 'scheduled']);
  expect(await store.runs.start(executor, deliveriesOf(claimed), GRACE_MS)).toEqual(['stale', 'stale']);
  expect(await known()).toMatchObject({ paused: true });
  expect(await claimLimited(10)).toEqual([]);
});

test('pause: a second one changes nothing; resume makes all claimable, those taken back too', async () => {
  await submit(3);
  await claimPlain(3);
  await store.queues.setPaused(queue, true);
  expect(await store.queues.setPaused(queue, true)).toMatchObject({ version: 2 });
  expect(await store.queues.setPaused(queue, false)).toMatchObject({ paused: false, version: 3 });
  expect(await claimPlain(10)).toHaveLength(3);
});

test('pause: starts at the same time either came first or find nothing', async () => {
  const ids = await submit(300);
  const executor = await store.executor();
  const claimed = await claimPlain(300);
  const groups = Array.from({ length: 10 }, (_, n) => deliveriesOf(claimed.slice(n * 30, n * 30 + 30)));
  const starts = groups.map((group) => store.runs.start(executor, group, GRACE_MS));
  await store.queues.setPaused(queue, true);
  const atAnswer = (await states(ids)).filter((state) => state === 'running').length;
  const started = (await Promise.all(starts)).flat().filter((job) => job !== 'stale');
  expect(started).toHaveLength(atAnswer);
  expect(await states(ids)).not.toContain('queued');
});

test('pause: there may be no leader, and more than one step to take back', async () => {
  await submit(2500);
  await claimPlain(2500);
  await store.queues.setPaused(queue, true);
  expect((await store.queues.counts([queue]))(queue)).toEqual({ scheduled: 2500 });
});

test('a change that died half-way is completed by the leader, and until then nothing is claimed', async () => {
  await submit(4);
  await change({ concurrency: 4 });
  await claimLimited(2);
  await store.prisma.query(`UPDATE queues SET settled = false WHERE name = $1`, queue);
  expect(await claimLimited(10)).toEqual([]);
  expect(await known()).toMatchObject({ settled: false });
  await store.queues.settle(queue);
  expect(await claimLimited(10)).toHaveLength(4);
});

test('of two who change a queue at once the second is told', async () => {
  const looked = await current();
  await change({ concurrency: 1 });
  expect(await store.queues.change(looked, settings({ concurrency: 9 }))).toBe('stale');
  expect(await store.queues.create(queue, settings())).toBe('taken');
});

test('counts tell what waits, is in flight and is dead, and end at a bound', async () => {
  await submit(COUNTED + 5);
  expect((await store.queues.counts([queue, 'nobody']))(queue)).toEqual({ scheduled: COUNTED });
  expect((await store.queues.counts([queue]))('nobody')).toEqual({});
});

test('only a queue without unfinished jobs can be deleted, and only the version that was looked at', async () => {
  const [id = ''] = await submit(1);
  expect(await store.queues.delete(queue, undefined)).toBeUndefined();
  await claimPlain(1);
  expect(await store.queues.delete(queue, undefined)).toBeUndefined();
  await store.jobs.cancel(id);
  expect(await store.queues.delete(queue, 9)).toBeUndefined();
  expect(await store.queues.delete(queue, 1)).toMatchObject({ name: queue });
  expect(await store.queues.get(queue)).toBeUndefined();
});

test('a queue with jobs in lanes is not empty', async () => {
  await store.queues.ensure(queue, true);
  await store.submit({ queue, fairnessKey: 'a' });
  expect(await store.queues.delete(queue, undefined)).toBeUndefined();
});

test('a queue that was deleted just when a job came in comes back', async () => {
  await store.queues.delete(queue, undefined);
  await submit(1);
  expect(await store.queues.restoreForgotten()).toContain(queue);
  expect(await claimPlain(1)).toHaveLength(1);
  expect(await store.queues.restoreForgotten()).not.toContain(queue);
});

test('so does one whose jobs wait for workers outside', async () => {
  await store.queues.delete(queue, undefined);
  const type = uniqueName('type');
  await new JobTypeRepository(store.prisma).announceRemote({ type, payloadSchema: {} });
  await store.submit({ queue, type });
  expect(await store.queues.restoreForgotten()).toContain(queue);
  expect(await store.queues.restoreForgotten()).not.toContain(queue);
});

test('a job with a key that was stored without a word of it is found', async () => {
  await store.submit({ queue, concurrencyKey: 'k' });
  expect(await known()).toMatchObject({ limited: false });
  expect(await store.queues.restoreForgotten()).toEqual([queue]);
  expect(await known()).toMatchObject({ limited: true });
});

test('the end of a job that counted against a limit is told to the leader, and that of another one is not', async () => {
  const hints: string[] = [];
  const listener = await store.listen((hint) => hints.push(hint));
  const end = async (claimed: readonly { id: string; delivery: number }[]) => {
    const executorId = await store.executor();
    await store.runs.start(executorId, deliveriesOf(claimed), GRACE_MS);
    const decision = { state: 'succeeded', result: null } as const;
    const ended = claimed.map(({ id, delivery }) => ({
      jobId: id,
      delivery,
      attempt: 1,
      executorId,
      decision,
      output: [],
    }));
    expect(await store.runs.finish(ended)).toEqual(claimed.map(() => 'succeeded'));
  };
  await submit(2);
  await end(await claimPlain(1));
  expect(hints).not.toContain('room');
  await change({ concurrency: 1 });
  await end(await claimLimited(1));
  await eventually(() => hints.includes('room'));
  await listener.close();
});
