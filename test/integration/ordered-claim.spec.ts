/** T1 for queues in strict order: one job in flight, in order of priority, due time and id, and nobody overtakes. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { OrderedFeedRepository, type OrderedClaim } from '#common/database/ordered-feed.repository.js';
import type { Fence } from '#common/database/leader-epochs.js';
import type { NewJob } from '#common/domain/job.js';
import type { Decision } from '#common/domain/outcome.js';
import { UNLIMITED } from '#common/domain/queue.js';
import { uniqueName } from '../support/environment.js';
import { GRACE_MS, LONG_AGO, TestStore } from './support/database.js';

const HOUR_MS = 3_600_000;

let store: TestStore;
let ordered: OrderedFeedRepository;
let leader: Fence;
let executor: string;
let queue: string;

beforeAll(async () => {
  store = await TestStore.open();
  ordered = new OrderedFeedRepository(store.prisma, store.epochs);
  leader = await store.lead('scheduler/shard-0');
  executor = await store.executor();
});
afterAll(() => store.close());
beforeEach(async () => {
  queue = uniqueName('queue');
  await store.queues.create(queue, { ...UNLIMITED, drain: 'leader' });
});

const at = (ms: number) => new Date(LONG_AGO.getTime() + ms);
const submit = async (ms: number, changes: Partial<NewJob> = {}) =>
  (await store.submit({ queue, runAt: at(ms), ...changes })).id;
async function claim(fence = leader): Promise<OrderedClaim | 'fenced' | undefined> {
  const claims = await ordered.claim(fence, [queue]);
  return claims === 'fenced' ? claims : claims[0];
}
const claimed = async () => {
  const answer = await claim();
  return answer === 'fenced' ? answer : answer?.job?.id;
};

/** Runs the job that is handed over, to this end. */
async function run(id: string, decision: Decision): Promise<void> {
  const { delivery } = await store.job(id);
  await store.runs.start(executor, [{ jobId: id, delivery }], GRACE_MS);
  const { attempt } = await store.job(id);
  await store.runs.finish([{ jobId: id, delivery, attempt, executorId: executor, decision, output: [] }]);
}
const succeed = (id: string) => run(id, { state: 'succeeded', result: null });
const error = { name: 'Test', message: 'x' };
const retryLater: Decision = {
  state: 'scheduled',
  delayMs: HOUR_MS,
  counted: { outcome: 'failed', error },
};

test('jobs go one after the other, by priority, due time and id', async () => {
  const second = await submit(2);
  const first = await submit(1);
  const sameTime = await submit(2);
  const urgent = await submit(9, { priority: 0 });
  const order: string[] = [];
  for (let n = 0; n < 4; n += 1) {
    const id = await claimed();
    if (id === undefined || id === 'fenced') throw new Error('the next one was not claimed');
    expect(await claimed()).toBeUndefined();
    await succeed(id);
    order.push(id);
  }
  expect(order).toEqual([urgent, first, second, sameTime]);
});

test('nothing more is handed over while a job waits for its start, or runs', async () => {
  const id = await submit(1);
  await submit(2);
  expect(await claim()).toMatchObject({ job: { id }, busy: true });
  expect(await claim()).toEqual({ queue, job: null, busy: true, stale: false, dueInMs: null });
  const { delivery } = await store.job(id);
  await store.runs.start(executor, [{ jobId: id, delivery }], GRACE_MS);
  expect(await claim()).toMatchObject({ job: null, busy: true });
});

test('a job that waits for its retry keeps its turn, and is next when its time has come', async () => {
  const id = await submit(1);
  await claim();
  await submit(2, { priority: 0 });
  await run(id, retryLater);
  const waiting = await claim();
  expect(waiting).toMatchObject({ job: null, busy: false });
  expect((waiting as OrderedClaim).dueInMs).toBeGreaterThan(HOUR_MS - 60_000);
  await store.turnClock('jobs', id, 'run_at = now()');
  expect(await claimed()).toBe(id);
});

test('a job that was taken back, or is held for a person, keeps its turn', async () => {
  const id = await submit(1);
  const next = await submit(2);
  await claim();
  await store.feed.takeBack(leader, [{ jobId: id, delivery: 1 }]);
  await submit(0, { priority: 0 });
  expect(await claimed()).toBe(id);
  await run(id, { state: 'blocked', error });
  expect(await claim()).toEqual({ queue, job: null, busy: false, stale: false, dueInMs: null });
  await store.jobs.cancel(id);
  expect(await claimed()).not.toBe(next);
});

test.each([
  ['succeeds', { state: 'succeeded', result: null }],
  ['dies', { state: 'dead', error }],
  ['is cancelled', { state: 'cancelled' }],
] as const)('a job that %s gives the turn to the next one', async (_what, decision) => {
  const id = await submit(1);
  const next = await submit(2);
  await claim();
  await run(id, decision);
  expect(await claimed()).toBe(next);
});

test('a job that is not due yet does not keep others waiting, and it is known when it will be', async () => {
  await submit(0, { priority: 0, runAt: new Date(Date.now() + HOUR_MS) });
  const due = await submit(1);
  expect(await claimed()).toBe(due);
  await succeed(due);
  const answer = (await claim()) as OrderedClaim;
  expect(answer.dueInMs).toBeGreaterThan(HOUR_MS - 60_000);
});

test('jobs with keys stand in the same line, in which their keys mean nothing', async () => {
  await store.queues.ensure(queue, true);
  const second = await submit(2, { fairnessKey: 'a' });
  const first = await submit(1, { fairnessKey: 'b', concurrencyKey: 'c' });
  const third = await submit(3);
  for (const id of [first, second, third]) {
    expect(await claimed()).toBe(id);
    await succeed(id);
  }
});

test('a job that has expired is not handed over', async () => {
  await submit(1, { expiresAt: at(2) });
  const next = await submit(3);
  expect(await claimed()).toBe(next);
});

test('neither of the other claims touches the queue', async () => {
  await store.queues.ensure(queue, true);
  await submit(1);
  await submit(1, { fairnessKey: 'a' });
  const wanted = { queue, room: 10, fairnessAfter: '', keyAfter: '' };
  expect(await store.limitedFeed.claim(leader, [wanted])).toEqual([]);
  const { queues } = await store.feed.queuesOf({ number: 0, of: 1 }, leader.election);
  expect(queues.find(({ name }) => name === queue)).toMatchObject({ drain: 'leader' });
});

test('what runs when a queue is put in order must end before the first one of the order goes', async () => {
  const shared = uniqueName('shared');
  const settings = await store.queues.create(shared, { ...UNLIMITED, concurrency: 2 });
  if (settings === 'taken') throw new Error('the name is new');
  const job = (ms: number) => store.submit({ queue: shared, runAt: at(ms) });
  const [running, waiting] = [await job(1), await job(2)];
  await store.limitedFeed.claim(leader, [{ queue: shared, room: 2, fairnessAfter: '', keyAfter: '' }]);
  await store.runs.start(executor, [{ jobId: running.id, delivery: 1 }], GRACE_MS);
  await store.queues.change(settings, { ...UNLIMITED, drain: 'leader' });
  expect((await store.job(waiting.id)).state).toBe('scheduled');
  const claimShared = async () => ((await ordered.claim(leader, [shared])) as OrderedClaim[])[0]?.job?.id;
  expect(await claimShared()).toBeUndefined();
  await store.jobs.cancel(running.id);
  await store.runs.finish([
    {
      jobId: running.id,
      delivery: 1,
      attempt: 1,
      executorId: executor,
      decision: { state: 'cancelled' },
      output: [],
    },
  ]);
  expect(await claimShared()).toBe(waiting.id);
});

test('a paused queue, and a stale leader, hand over nothing', async () => {
  await submit(1);
  await store.queues.setPaused(queue, true);
  expect(await claim()).toBeUndefined();
  await store.queues.setPaused(queue, false);
  const deposed = { ...leader, epoch: leader.epoch - 1n };
  expect(await claim(deposed)).toBe('fenced');
  expect(await claim()).toMatchObject({ job: { queue } });
});

test('of many claims at the same moment one takes the next job, and the others nothing', async () => {
  for (let n = 0; n < 5; n += 1) await submit(n);
  const claims = await Promise.all(Array.from({ length: 8 }, () => ordered.claim(leader, [queue])));
  const jobs = claims
    .flatMap((answer) => (answer === 'fenced' ? [] : answer))
    .flatMap(({ job }) => job ?? []);
  expect(jobs).toHaveLength(1);
});
