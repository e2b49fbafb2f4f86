/** T7: which attempts count as lost, and who may take them back. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { DeadLetterRepository } from '#common/database/dead-letter.repository.js';
import { decide, type Outcome } from '#common/domain/outcome.js';
import type { NewJob, StartedJob } from '#common/domain/job.js';
import type { Fence } from '#common/database/leader-epochs.js';
import type { LostAttempt } from '#common/database/run.repository.js';
import { uniqueName } from '../support/environment.js';
import { GRACE_MS, TestStore } from './support/database.js';

let store: TestStore;
let leader: Fence;
let queue: string;
let executor: string;

const error = { name: 'ExecutorLost', message: 'the executor did not renew its lease' };

beforeAll(async () => {
  store = await TestStore.open();
  leader = await store.lead();
});
afterAll(() => store.close());
beforeEach(async () => {
  queue = uniqueName('queue');
  executor = await store.executor();
});

async function run(changes: Partial<NewJob> = {}): Promise<StartedJob> {
  const { id } = await store.submit({ ...changes, queue });
  await store.claim(leader, { [queue]: 1 });
  const [started] = await store.runs.start(executor, [{ jobId: id, delivery: 1 }], GRACE_MS);
  if (started === undefined || started === 'stale') throw new Error('nothing was started');
  return started;
}
const lost = async () =>
  (await store.runs.findLost(1000)).filter(({ executorId }) => executorId === executor);
const expireLease = () => store.turnClock('executors', executor, `lease_until = now() - interval '1 ms'`);
const reclaim = (
  attempts: readonly LostAttempt[],
  fence = leader,
  outcome: Outcome = { kind: 'lost', error },
) =>
  store.runs.reclaim(
    fence,
    attempts.map((attempt) => ({
      jobId: attempt.id,
      delivery: attempt.delivery,
      attempt: attempt.attempt,
      executorId: attempt.executorId,
      decision: decide(attempt, outcome, 0),
      output: [],
    })),
  );

test('what runs on an executor that renews its lease is not lost', async () => {
  await run();
  expect(await lost()).toEqual([]);
});

test('an executor whose lease ran out has lost what it ran', async () => {
  const job = await run({ maxAttempts: 2 });
  await expireLease();
  expect(await lost()).toMatchObject([
    { id: job.id, attempt: 1, maxAttempts: 2, executorId: executor, executorAlive: false },
  ]);
});

test('so has one whose row is gone', async () => {
  const job = await run();
  await store.executors.leave(executor);
  expect(await lost()).toMatchObject([{ id: job.id, executorAlive: false }]);
});

test('an attempt whose deadline has passed is lost although its executor lives', async () => {
  const job = await run();
  await run();
  await store.turnClock('jobs', job.id, `deadline = now() - interval '1 ms'`);
  expect(await lost()).toMatchObject([{ id: job.id, executorAlive: true }]);
});

test('a lost attempt counts: it is kept in the history, and the job is tried again or dead', async () => {
  const [again, last] = [await run({ maxAttempts: 2 }), await run({ maxAttempts: 1 })];
  await expireLease();
  expect(await reclaim(await lost())).toBe(2);
  expect(await store.job(again.id)).toMatchObject({ state: 'scheduled', attempt: 1, error });
  expect(await store.jobs.earlierAttempts(again.id)).toMatchObject([
    { attempt: 1, outcome: 'lost', executorId: executor, error },
  ]);
  expect(await store.job(last.id)).toMatchObject({ state: 'dead', attempt: 1, error });
  expect(await lost()).toEqual([]);
});

test('a job may rather be dead, or wait for a person, than be repeated unseen', async () => {
  const [fail, hold] = [await run({ onLost: 'fail' }), await run({ onLost: 'hold' })];
  await expireLease();
  expect(await reclaim(await lost())).toBe(2);
  expect(await store.job(fail.id)).toMatchObject({ state: 'dead', error });
  expect(await store.job(hold.id)).toMatchObject({ state: 'blocked', error, finishedAt: null });
});

test('a job whose end was asked for is cancelled when its executor is gone', async () => {
  const job = await run();
  await store.jobs.cancel(job.id);
  await expireLease();
  expect(await reclaim(await lost())).toBe(1);
  expect((await store.job(job.id)).state).toBe('cancelled');
});

test('so is one that would be dead otherwise, and no re-drive of dead jobs brings it back', async () => {
  const uniqueKey = uniqueName('key');
  const jobs = [
    await run({ maxAttempts: 1, uniqueKey }),
    await run({ onLost: 'fail' }),
    await run({ retry: { strategy: 'none' } }),
  ];
  for (const { id } of jobs) await store.jobs.cancel(id);
  await expireLease();
  expect(await reclaim(await lost())).toBe(3);
  for (const { id } of jobs) {
    expect(await store.job(id)).toMatchObject({ state: 'cancelled', attempt: 1, error });
    expect((await store.job(id)).finishedAt).toBeInstanceOf(Date);
  }
  expect(
    await new DeadLetterRepository(store.prisma).redriveMatching({ queue, queuePatterns: null }, 1),
  ).toBe(0);
  await store.submit({ queue, uniqueKey });
});

test('and one whose executor lives, but has not ended it in time', async () => {
  const job = await run({ maxAttempts: 1 });
  await store.jobs.cancel(job.id);
  await store.turnClock('jobs', job.id, `deadline = now() - interval '1 ms'`);
  expect(await reclaim(await lost(), leader, { kind: 'timed_out', error })).toBe(1);
  expect((await store.job(job.id)).state).toBe('cancelled');
});

test('a leader whose epoch is stale takes nothing back and is told so', async () => {
  const job = await run();
  await expireLease();
  const stale = await store.lead();
  await store.lead(stale.election);
  expect(await reclaim(await lost(), stale)).toBe('fenced');
  expect((await store.job(job.id)).state).toBe('running');
});

test('what ended, or began anew, after the look is left alone', async () => {
  const job = await run();
  await expireLease();
  const seen = await lost();
  expect(await reclaim(seen)).toBe(1);
  await store.turnClock('jobs', job.id, `run_at = now()`);
  await store.claim(leader, { [queue]: 1 });
  const other = await store.executor();
  expect(await store.runs.start(other, [{ jobId: job.id, delivery: 2 }], GRACE_MS)).toMatchObject([
    { attempt: 2 },
  ]);
  expect(await reclaim(seen)).toBe(0);
  expect(await store.job(job.id)).toMatchObject({ state: 'running', attempt: 2, executorId: other });
});

test('after that, the executor that was taken for dead is not believed', async () => {
  const job = await run();
  await expireLease();
  await reclaim(await lost());
  const decision = decide(job, { kind: 'succeeded', result: null }, 0);
  expect(
    await store.runs.finish([
      { jobId: job.id, delivery: 1, attempt: 1, executorId: executor, decision, output: [] },
    ]),
  ).toEqual(['stale']);
});

test('two leaders that reclaim at the same time take each attempt back once', async () => {
  for (let n = 0; n < 10; n += 1) await run();
  await expireLease();
  const seen = await lost();
  const counts = await Promise.all([reclaim(seen), reclaim(seen)]);
  expect(counts.reduce<number>((sum, count) => sum + Number(count), 0)).toBe(10);
});

test('an executor is forgotten when it has long been silent and holds nothing', async () => {
  await run();
  const idle = await store.executor();
  for (const id of [executor, idle])
    await store.turnClock('executors', id, `lease_until = now() - interval '1 h'`);
  await store.executors.forget(7_200_000);
  const known = async () =>
    (await store.prisma.query<{ id: string }>(`SELECT id::text FROM executors`)).map(({ id }) => id);
  expect(await known()).toEqual(expect.arrayContaining([executor, idle]));
  await store.executors.forget(60_000);
  expect(await known()).toContain(executor);
  expect(await known()).not.toContain(idle);
});
