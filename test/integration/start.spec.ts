/** T4: what turns a delivery into a running attempt, and what does not. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Delivery, NewJob } from '#common/domain/job.js';
import type { Fence } from '#common/database/leader-epochs.js';
import { uniqueName } from '../support/environment.js';
import { GRACE_MS, TestStore } from './support/database.js';

let store: TestStore;
let leader: Fence;
let queue: string;
let executor: string;

beforeAll(async () => {
  store = await TestStore.open();
  leader = await store.lead();
});
afterAll(() => store.close());
beforeEach(async () => {
  queue = uniqueName('queue');
  executor = await store.executor();
});

async function handOver(changes: Partial<NewJob> = {}): Promise<Delivery> {
  const { id } = await store.submit({ ...changes, queue });
  await store.claim(leader, { [queue]: 1 });
  return { jobId: id, delivery: 1 };
}
const start = (...deliveries: Delivery[]) => store.runs.start(executor, deliveries, GRACE_MS);

test('an accepted start returns the spec as Postgres holds it, and the job runs', async () => {
  const retry = { strategy: 'fixed', delayMs: 7 } as const;
  const delivery = await handOver({
    payload: { a: ['ü', 1.5, null] },
    retry,
    maxAttempts: 2,
    timeoutMs: 9000,
  });
  expect(await start(delivery)).toMatchObject([
    {
      id: delivery.jobId,
      type: 'test',
      payload: { a: ['ü', 1.5, null] },
      attempt: 1,
      maxAttempts: 2,
      timeoutMs: 9000,
      retry,
    },
  ]);
  const job = await store.job(delivery.jobId);
  expect(job).toMatchObject({ state: 'running', attempt: 1, executorId: executor });
  const [{ ms } = { ms: 0 }] = await store.prisma.query<{ ms: number }>(
    `SELECT extract(epoch FROM deadline - started_at)::float8 * 1000 AS ms FROM jobs WHERE id = $1::uuid`,
    job.id,
  );
  expect(ms).toBe(9000 + GRACE_MS);
});

test('a delivery that arrives again starts nothing', async () => {
  const delivery = await handOver();
  expect(await start(delivery)).toMatchObject([{ attempt: 1 }]);
  expect(await start(delivery)).toEqual(['stale']);
  expect(await store.job(delivery.jobId)).toMatchObject({ attempt: 1 });
});

test('a delivery that is in one batch twice starts once', async () => {
  const delivery = await handOver();
  const answers = await start(delivery, delivery, delivery);
  expect(answers.filter((answer) => answer === 'stale')).toHaveLength(2);
  expect(await store.job(delivery.jobId)).toMatchObject({ attempt: 1 });
});

test('of two deliveries of one job in a batch, the one that entitles to it is told that it started', async () => {
  const { jobId } = await handOver();
  await store.feed.takeBack(leader, [{ jobId, delivery: 1 }]);
  await store.claim(leader, { [queue]: 1 });
  const answers = await start({ jobId, delivery: 1 }, { jobId, delivery: 2 });
  expect(answers).toMatchObject(['stale', { id: jobId, delivery: 2, attempt: 1 }]);
});

test('a delivery that arrives at several executors at once starts on one', async () => {
  const others = await Promise.all(Array.from({ length: 6 }, () => store.executor()));
  const deliveries = [await handOver(), await handOver(), await handOver()];
  const answers = await Promise.all(others.map((id) => store.runs.start(id, deliveries, GRACE_MS)));
  const started = answers.flat().filter((answer) => answer !== 'stale');
  expect(started.map(({ id }) => id).toSorted()).toEqual(deliveries.map(({ jobId }) => jobId).toSorted());
});

test('an outdated, a future and an unknown delivery start nothing', async () => {
  const delivery = await handOver();
  await store.feed.takeBack(leader, [delivery]);
  await store.claim(leader, { [queue]: 1 });
  const { jobId } = delivery;
  expect(
    await start(
      delivery,
      { jobId, delivery: 3 },
      { jobId: '01890a5d-ac96-774b-bcce-b302099a8057', delivery: 1 },
    ),
  ).toEqual(['stale', 'stale', 'stale']);
  expect(await start({ jobId, delivery: 2 })).toMatchObject([{ attempt: 1 }]);
});

test('a job that was taken back or cancelled does not start by the delivery it had', async () => {
  const [swept, cancelled] = [await handOver(), await handOver()];
  await store.feed.takeBack(leader, [swept]);
  await store.jobs.cancel(cancelled.jobId);
  expect(await start(swept, cancelled)).toEqual(['stale', 'stale']);
  expect((await store.job(cancelled.jobId)).state).toBe('cancelled');
});

test('an executor whose lease ran out, or that has left, starts nothing', async () => {
  const delivery = await handOver();
  await store.turnClock('executors', executor, `lease_until = now() - interval '1 ms'`);
  expect(await start(delivery)).toEqual(['stale']);
  await store.executors.leave(executor);
  expect(await start(delivery)).toEqual(['stale']);
  expect(await store.job(delivery.jobId)).toMatchObject({ state: 'queued', attempt: 0 });
});

test('answers come in the order of the deliveries', async () => {
  const deliveries = [await handOver(), await handOver(), await handOver()];
  const [first, second, third] = deliveries.toReversed();
  if (first === undefined || second === undefined || third === undefined) throw new Error('there are three');
  const answers = await start(first, { ...second, delivery: 9 }, third);
  expect(answers.map((answer) => (answer === 'stale' ? answer : answer.id))).toEqual([
    first.jobId,
    'stale',
    third.jobId,
  ]);
});
