/** Leases: which jobs are for workers outside, who gets them, and what fences what a worker says. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { FiringRepository } from '#common/database/firing.repository.js';
import { JobTypeRepository } from '#common/database/job-type.repository.js';
import { LEASED_OUTPUT_BYTES, LeaseRepository } from '#common/database/lease.repository.js';
import { LeasingRepository, type LeasedJob } from '#common/database/leasing.repository.js';
import type { Fence } from '#common/database/leader-epochs.js';
import { Notifier } from '#common/database/notifications.js';
import { ScheduleRepository } from '#common/database/schedule.repository.js';
import type { NewJob } from '#common/domain/job.js';
import { decide, decideUnfailed, type Decision } from '#common/domain/outcome.js';
import { uniqueName } from '../support/environment.js';
import { LONG_AGO, TestStore } from './support/database.js';

let store: TestStore;
let leases: LeaseRepository;
let leasing: LeasingRepository;
let types: JobTypeRepository;
let leader: Fence;
let type: string;
let queue: string;

beforeAll(async () => {
  store = await TestStore.open();
  leasing = new LeasingRepository(store.prisma);
  leases = new LeaseRepository(store.prisma, new Notifier(store.prisma));
  types = new JobTypeRepository(store.prisma);
  leader = await store.lead();
});
afterAll(() => store.close());
beforeEach(async () => {
  type = uniqueName('type');
  queue = uniqueName('queue');
  await types.announceRemote({ type, payloadSchema: {} });
  await store.queues.ensure(queue);
});

const submit = async (changes: Partial<NewJob> = {}) => {
  await store.queues.ensure(changes.queue ?? queue);
  return store.submit({ type, queue, ...changes });
};
const open = (count: number, leaseMs = 60_000) =>
  Array.from({ length: count }, () => ({ executorId: randomUUID(), leaseMs, worker: 'w1' }));
const lease = async (count = 1, queues: string[] | null = null, of = type) =>
  (await leasing.lease({ types: [of], queues }, open(count))).jobs;
async function leaseOne(changes: Partial<NewJob> = {}): Promise<LeasedJob> {
  await submit(changes);
  const [job] = await lease();
  if (job === undefined) throw new Error('nothing was leased');
  return job;
}
const holdOf = ({ id, delivery, attempt, executorId }: LeasedJob) => ({
  jobId: id,
  delivery,
  attempt,
  executorId: executorId ?? '',
});
const end = (job: LeasedJob, decision: Decision) => leases.finish([{ ...holdOf(job), decision, output: [] }]);
const succeeded = decideUnfailed({ kind: 'succeeded', result: { n: 1 } });
const released = decideUnfailed({ kind: 'interrupted' });
const write = (job: LeasedJob, text: string) =>
  leases.append([{ ...holdOf(job), pieces: [{ stream: 'out', text }] }]);
const expire = (job: LeasedJob) => store.turnClock('jobs', job.id, `lease_until = now() - interval '1 ms'`);
const lostOf = async (job: LeasedJob) => (await store.runs.findLost(1000)).filter(({ id }) => id === job.id);
async function reclaim(job: LeasedJob) {
  const error = { name: 'ExecutorLost', message: 'silent' };
  return store.runs.reclaim(
    leader,
    (await lostOf(job)).map((lost) => ({
      jobId: lost.id,
      delivery: lost.delivery,
      attempt: lost.attempt,
      executorId: lost.executorId,
      decision: decide(lost, { kind: 'lost', error }, 0),
      output: [],
    })),
  );
}

test('a job of an announced type is leased, and never claimed for executors', async () => {
  const { id } = await submit({ payload: { a: 1 } });
  expect(await store.claim(leader, { [queue]: 10 })).toEqual([]);
  const [job] = await lease();
  expect(job).toMatchObject({
    id,
    state: 'running',
    delivery: 1,
    attempt: 1,
    worker: 'w1',
    payload: { a: 1 },
  });
  expect((job?.leaseUntil.getTime() ?? 0) - (job?.startedAt?.getTime() ?? 0)).toBe(60_000);
  expect(await lease()).toEqual([]);
});

test('nothing is leased from a queue that is paused', async () => {
  const { id } = await submit();
  await store.prisma.query(
    'INSERT INTO queues (name, paused) VALUES ($1, true) ON CONFLICT (name) DO UPDATE SET paused = true',
    queue,
  );
  expect(await lease()).toEqual([]);
  await store.prisma.query('UPDATE queues SET paused = false WHERE name = $1', queue);
  expect(await lease()).toMatchObject([{ id }]);
});

test('a job of any other type is claimed as ever, and never leased', async () => {
  const { id } = await store.submit({ type: 'test', queue });
  expect(await lease(1, null, 'test')).toEqual([]);
  expect(await store.claim(leader, { [queue]: 10 })).toMatchObject([{ id }]);
});

test('the jobs of schedules are leased too', async () => {
  const schedules = new ScheduleRepository(store.prisma);
  const name = uniqueName('schedule');
  await schedules.create(
    name,
    {
      recurrence: { kind: 'cron', expression: '0 * * * *', gap: null, fold: null },
      timezone: 'UTC',
      start: null,
      end: null,
      maxCount: null,
      jitterMs: 0,
      missedRuns: 'once',
      graceMs: 1,
      overlap: 'allow',
      job: {
        type,
        payload: {},
        name: null,
        queue,
        priority: 3,
        maxAttempts: 7,
        timeoutMs: 1234,
        concurrencyKey: null,
        fairnessKey: null,
        retry: null,
        onLost: 'hold',
      },
    },
    () => LONG_AGO,
  );
  const run = await schedules.runNow(name);
  const firing = new FiringRepository(store.prisma, store.epochs);
  const due = (await firing.findDue(10)).schedules.filter((schedule) => schedule.name === name);
  await firing.fire(
    leader,
    due.map((schedule) => ({
      schedule,
      plan: {
        occurrences: [
          { dueAt: LONG_AGO.getTime(), outcome: 'fired', reason: null, runAt: LONG_AGO.getTime() },
        ],
        nextDueAt: null,
        waitingDueAt: null,
        cancel: false,
      },
    })),
  );
  const leased = await lease(10);
  expect(leased).toHaveLength(2);
  expect(leased.map(({ id }) => id)).toContain(run?.jobId);
});

test('the most urgent is leased first, whatever its queue, and of equals the one that is due first', async () => {
  const other = uniqueName('queue');
  const late = await submit({ priority: 5, runAt: new Date('2021-01-01T00:00:00Z') });
  const early = await submit({ priority: 5, runAt: new Date('2020-01-01T00:00:00Z') });
  const urgent = await submit({ priority: 0, queue: other, runAt: new Date('2022-01-01T00:00:00Z') });
  expect((await lease(2)).map(({ id }) => id)).toEqual([urgent.id, early.id]);
  expect((await lease(2)).map(({ id }) => id)).toEqual([late.id]);
});

test('a worker gets jobs of the types and queues that it names only', async () => {
  const [here, there] = [await submit(), await submit({ queue: uniqueName('queue') })];
  expect((await lease(5, [queue])).map(({ id }) => id)).toEqual([here.id]);
  expect((await lease(5)).map(({ id }) => id)).toEqual([there.id]);
});

test('a job that is not due is not leased, and the line knows when it will be', async () => {
  await submit({ runAt: null, delayMs: 3_600_000 });
  expect(await lease()).toEqual([]);
  const dueInMs = await leasing.nextDueInMs({ types: [type], queues: null });
  expect(dueInMs).toBeGreaterThan(3_500_000);
  expect(dueInMs).toBeLessThanOrEqual(3_600_000);
  expect(await leasing.nextDueInMs({ types: [uniqueName('none')], queues: null })).toBeNull();
});

test('workers that lease at the same time share the jobs, and none gets one that another has', async () => {
  for (let n = 0; n < 40; n += 1) await submit({ priority: n % 10 });
  const shares = await Promise.all(Array.from({ length: 8 }, () => lease(5)));
  const ids = shares.flat().map(({ id }) => id);
  // Rows that another lease is just taking are passed over, so some may be left.
  ids.push(...(await lease(40)).map(({ id }) => id));
  expect(new Set(ids).size).toBe(40);
  expect(ids).toHaveLength(40);
});

test('a job that somebody else is just taking holds nobody up', async () => {
  const [first, second] = [await submit(), await submit()];
  await store.prisma.$transaction(async (transaction) => {
    await transaction.$queryRawUnsafe(`SELECT 1 AS one FROM jobs WHERE id = $1::uuid FOR UPDATE`, first.id);
    expect((await lease(2)).map(({ id }) => id)).toEqual([second.id]);
  });
  expect((await lease(2)).map(({ id }) => id)).toEqual([first.id]);
});

test('the end of a lease ends the job, once, and only its holder can', async () => {
  const job = await leaseOne();
  const stranger = { ...job, executorId: randomUUID() };
  expect(await end(stranger, succeeded)).toEqual(['stale']);
  expect(await end({ ...job, delivery: 2 }, succeeded)).toEqual(['stale']);
  expect(await end({ ...job, attempt: 2 }, succeeded)).toEqual(['stale']);
  expect(
    await leases.finish([
      { ...holdOf(stranger), decision: succeeded, output: [] },
      { ...holdOf(job), decision: succeeded, output: [] },
      { ...holdOf(job), decision: released, output: [] },
    ]),
  ).toEqual(['stale', 'succeeded', 'stale']);
  expect(await end(job, released)).toEqual(['stale']);
  expect(await store.job(job.id)).toMatchObject({ state: 'succeeded', result: { n: 1 } });
});

test('a heartbeat renews the lease and tells of a cancel; that of a lost lease does neither', async () => {
  const job = await leaseOne();
  await expire(job);
  expect(await lostOf(job)).toHaveLength(1);
  const renew = (given: LeasedJob) => leases.renew([{ ...holdOf(given), leaseMs: 30_000 }]);
  expect(await renew(job)).toMatchObject([{ cancelRequested: false }]);
  expect(await lostOf(job)).toEqual([]);
  await store.jobs.cancel(job.id);
  expect(await renew(job)).toMatchObject([{ cancelRequested: true }]);
  await expire(job);
  for (const other of [{ executorId: randomUUID() }, { delivery: 2 }, { attempt: 2 }])
    expect(await renew({ ...job, ...other })).toEqual(['stale']);
  expect(await lostOf(job)).toHaveLength(1);
  expect(await end(job, decideUnfailed({ kind: 'cancelled' }))).toEqual(['cancelled']);
  expect(await renew(job)).toEqual(['stale']);
});

test('a job whose cancel was asked for is cancelled when its worker hands it back or fails', async () => {
  const [back, failed] = [await leaseOne(), await leaseOne()];
  for (const { id } of [back, failed]) await store.jobs.cancel(id);
  expect(await end(back, released)).toEqual(['cancelled']);
  const error = { name: 'X', message: 'x' };
  expect(await end(failed, decide(failed, { kind: 'failed', error }, 0))).toEqual(['cancelled']);
});

test('a worker that is silent past its lease has lost the job, by the rules for executors', async () => {
  const again = await leaseOne();
  const hold = await leaseOne({ onLost: 'hold' });
  const last = await leaseOne({ maxAttempts: 1 });
  for (const job of [again, hold, last]) {
    expect(await lostOf(job)).toEqual([]);
    await expire(job);
    expect(await lostOf(job)).toMatchObject([{ executorAlive: false }]);
    expect(await reclaim(job)).toBe(1);
    expect(await end(job, succeeded)).toEqual(['stale']);
  }
  expect(await store.job(again.id)).toMatchObject({ state: 'scheduled', attempt: 1 });
  expect(await store.jobs.earlierAttempts(again.id)).toMatchObject([
    { attempt: 1, outcome: 'lost', error: { name: 'ExecutorLost' } },
  ]);
  expect((await store.job(hold.id)).state).toBe('blocked');
  expect((await store.job(last.id)).state).toBe('dead');
  await store.turnClock('jobs', again.id, 'run_at = now()');
  expect(await lease()).toMatchObject([{ id: again.id, attempt: 2, delivery: 2 }]);
});

test('one whose timeout passes while its worker is alive has timed out', async () => {
  const job = await leaseOne();
  await store.turnClock('jobs', job.id, `deadline = now() - interval '1 ms'`);
  expect(await lostOf(job)).toMatchObject([{ executorAlive: true }]);
});

test('a snooze and a hand-back are not counted, and what was written goes with them', async () => {
  const job = await leaseOne();
  expect(await write(job, 'first')).toEqual([true]);
  expect(await end(job, decideUnfailed({ kind: 'snoozed', delayMs: 0 }))).toEqual(['scheduled']);
  const [next] = await lease();
  if (next === undefined) throw new Error('nothing was leased');
  expect(next).toMatchObject({ id: job.id, attempt: 1, delivery: 2 });
  await write(next, 'second');
  expect(await write(job, 'late')).toEqual([false]);
  await end(next, succeeded);
  expect(await store.jobs.output(job.id, 1)).toMatchObject([{ text: 'second' }]);
});

test('what is appended at the same time is all kept, each in its own order', async () => {
  const job = await leaseOne();
  const writers = ['a', 'b', 'c'];
  await Promise.all(
    writers.map(async (writer) => {
      for (let n = 0; n < 5; n += 1) await write(job, `${writer}${n} `);
    }),
  );
  const texts = (await store.jobs.output(job.id, 1)).map(({ text }) => text.trim());
  expect(texts).toHaveLength(15);
  for (const writer of writers)
    expect(texts.filter((text) => text.startsWith(writer))).toEqual(
      [0, 1, 2, 3, 4].map((n) => `${writer}${n}`),
    );
});

test('of output beyond the limit the bytes are counted, and nothing comes after the gap', async () => {
  const job = await leaseOne();
  const most = 'x'.repeat(65_536);
  for (let n = 0; n < 3; n += 1) await write(job, most);
  await write(job, 'y'.repeat(65_535));
  await write(job, 'zz');
  await write(job, 'é');
  await write(job, 'z');
  const pieces = await store.jobs.output(job.id, 1);
  const kept = pieces.map(({ text }) => text).join('');
  expect(kept).toHaveLength(LEASED_OUTPUT_BYTES - 1);
  expect(pieces.at(-1)).toMatchObject({ text: '', omittedBytes: 5 });
});

test('a type that living executors run cannot be announced for workers', async () => {
  const id = randomUUID();
  const ours = uniqueName('type');
  await store.executors.register(
    { id, instance: id, host: 'here', pid: 1, slots: 1, queues: [], types: [ours] },
    3_600_000,
  );
  expect(await types.announceRemote({ type: ours, payloadSchema: {} })).toBe('executors');
  await store.executors.leave(id);
  expect(await types.announceRemote({ type: ours, payloadSchema: {} })).toEqual({ isNew: true });
  expect(await types.announceRemote({ type: ours, payloadSchema: { a: 1 } })).toEqual({ isNew: false });
});

test('executors leave alone what was announced for workers, and hear of it', async () => {
  const [theirs, ours] = [type, uniqueName('type')];
  const announcement = [theirs, ours].map((name) => ({ type: name, payloadSchema: { own: true } }));
  expect(await types.announce(announcement)).toEqual([theirs]);
  const known = new Map((await types.list()).map((each) => [each.type, each]));
  expect(known.get(theirs)).toMatchObject({ remote: true, payloadSchema: {} });
  expect(known.get(ours)).toMatchObject({ remote: false });
});

test('jobs that were stored before change sides with their type, those that have ended excepted', async () => {
  const ours = uniqueName('type');
  const [waits, ended] = [
    await store.submit({ type: ours, queue }),
    await store.submit({ type: ours, queue }),
  ];
  await store.jobs.cancel(ended.id);
  await types.announceRemote({ type: ours, payloadSchema: {} });
  expect(await store.claim(leader, { [queue]: 10 })).toEqual([]);
  const [job] = await lease(5, null, ours);
  expect(job?.id).toBe(waits.id);
  expect(await types.forgetRemote(ours)).toEqual({ type: ours, payloadSchema: {}, remote: true });
  expect(await types.forgetRemote(ours)).toBeUndefined();
  expect(await leases.finish([{ ...holdOf(job as LeasedJob), decision: released, output: [] }])).toEqual([
    'scheduled',
  ]);
  expect(await store.claim(leader, { [queue]: 10 })).toMatchObject([{ id: waits.id }]);
});

test('a job that is being stored while its type changes sides changes with it', async () => {
  const ours = uniqueName('type');
  let announced: Promise<unknown> | undefined;
  // A statement that began before the announcement, and commits after it.
  await store.prisma.$transaction(async (transaction) => {
    await transaction.$executeRawUnsafe(
      `INSERT INTO jobs (id, type, queue, state, priority, run_at, max_attempts, timeout_ms, payload)
       VALUES ($1::uuid, $2, $3, 'scheduled', 5, now(), 1, 1000, '{}')`,
      randomUUID(),
      ours,
      queue,
    );
    announced = types.announceRemote({ type: ours, payloadSchema: {} });
    while (!(await types.list()).some((each) => each.type === ours));
  });
  await announced;
  expect(await lease(5, null, ours)).toHaveLength(1);
});
