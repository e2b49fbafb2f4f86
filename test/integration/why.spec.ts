/** The facts behind "why": gathered from rows as the protocol leaves them, and cheaply however many jobs wait. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { JobTypeRepository } from '#common/database/job-type.repository.js';
import { LeasingRepository } from '#common/database/leasing.repository.js';
import { OrderedFeedRepository } from '#common/database/ordered-feed.repository.js';
import { PrismaService } from '#common/database/prisma.service.js';
import { WHY_QUEUE } from '#common/database/why-queue-statement.js';
import {
  WHY_EXECUTORS,
  WHY_JOB,
  WhyRepository,
  type GatheredFacts,
} from '#common/database/why.repository.js';
import { WorkerPollRepository } from '#common/database/worker-poll.repository.js';
import { WorkflowRepository } from '#common/database/workflow.repository.js';
import type { Fence } from '#common/database/leader-epochs.js';
import type { NewJob, StartedJob } from '#common/domain/job.js';
import { decide, type Outcome } from '#common/domain/outcome.js';
import { UNLIMITED, type QueueSettings } from '#common/domain/queue.js';
import { why } from '#common/domain/why.js';
import { uniqueName } from '../support/environment.js';
import { GRACE_MS, LONG_AGO, newJob, quiet, TestStore } from './support/database.js';

let store: TestStore;
/** Connections as the store service has them: Postgres chooses the plans. */
let prisma: PrismaService;
let repository: WhyRepository;
let leader: Fence;
let queue: string;
let executor: string;

beforeAll(async () => {
  store = await TestStore.open();
  prisma = new PrismaService({ DATABASE_URL: store.url, PG_MAX_CONNS: 2 }, 'triumvir-test', quiet);
  repository = new WhyRepository(prisma);
});
afterAll(async () => {
  await prisma.onApplicationShutdown();
  await store.close();
});
beforeEach(async () => {
  await store.prisma.query('TRUNCATE jobs, executors');
  leader = await store.lead();
  queue = uniqueName('queue');
  executor = await store.executor();
});

const submit = (changes: Partial<NewJob> = {}) => store.submit({ queue, ...changes });
async function facts({ id }: { readonly id: string }): Promise<GatheredFacts> {
  const gathered = await repository.gather(id, null);
  if (gathered === undefined) throw new Error(`there is no job ${id}`);
  return gathered;
}
const reasonsOf = async (job: { readonly id: string }) =>
  why({ ...(await facts(job)), leadership: { kind: 'leading' }, queueLeadership: { kind: 'unknown' } });
const reasonOf = async (job: { readonly id: string }) => (await reasonsOf(job))[0];
const create = (settings: Partial<QueueSettings> = {}) =>
  store.queues.create(queue, { ...UNLIMITED, ...settings });
const claim = (room: number) =>
  store.limitedFeed.claim(leader, [{ queue, room, fairnessAfter: '', keyAfter: '' }]);
/** A workflow of a job and one that depends on it. */
async function family(onFailure: 'cancel' | 'hold') {
  const [parent, child] = [newJob({ queue, name: 'extract' }), newJob({ queue })];
  await new WorkflowRepository(store.prisma).insert(
    {
      id: randomUUID(),
      name: null,
      jobs: [parent, child],
      dependencies: [{ parent: 0, child: 1, onFailure }],
    },
    undefined,
  );
  return { parent, child };
}
async function start(): Promise<StartedJob> {
  const claimed = await store.feed.claimDue(leader, [{ queue, room: 1 }], '0');
  const [started] = await store.runs.start(
    executor,
    claimed.map(({ id, delivery }) => ({ jobId: id, delivery })),
    GRACE_MS,
  );
  if (started === undefined || started === 'stale') throw new Error('it did not start');
  return started;
}
const finish = (job: StartedJob, outcome: Outcome) =>
  store.runs.finish([
    {
      jobId: job.id,
      delivery: job.delivery,
      attempt: job.attempt,
      executorId: executor,
      decision: decide(job, outcome, 0),
      output: [],
    },
  ]);
const failed = {
  kind: 'failed',
  error: { name: 'Test', message: 'x' },
  retryAfterMs: 60_000,
} as const satisfies Outcome;

test('there is no reason for a job that does not exist', async () => {
  expect(await repository.gather('01890a5d-ac96-774b-bcce-b302099a8057', null)).toBeUndefined();
});

test('the job is as it is looked up, and the time is that of the database', async () => {
  const job = await submit({ tags: ['a'], payload: { deep: [1] } });
  const gathered = await facts(job);
  expect(gathered.job).toEqual(job);
  expect(Math.abs(gathered.now.getTime() - Date.now())).toBeLessThan(60_000);
});

test('a job that failed waits for its retry, one that was put off for its handler, in whichever order', async () => {
  const job = await submit();
  await finish(await start(), failed);
  expect(await reasonOf(job)).toMatchObject({ kind: 'retry-later', attempt: 1, error: failed.error });
  await store.turnClock('jobs', job.id, 'run_at = now()');
  await finish(await start(), { kind: 'snoozed', delayMs: 60_000 });
  expect(await reasonOf(job)).toMatchObject({ kind: 'snoozed' });
  await store.turnClock('jobs', job.id, 'run_at = now()');
  await finish(await start(), failed);
  expect(await reasonOf(job)).toMatchObject({ kind: 'retry-later', attempt: 2 });
});

test('a job that is held after the loss of its executor says what befell it', async () => {
  const job = await submit({ onLost: 'hold' });
  const error = { name: 'ExecutorLost', message: 'gone' };
  await finish(await start(), { kind: 'lost', error });
  expect(await reasonOf(job)).toEqual({ kind: 'held', aboutMs: null, error, parents: [] });
});

test('a job that waits for a parent says which, and the state that it is in', async () => {
  const { parent, child } = await family('cancel');
  expect(await reasonOf(child)).toMatchObject({
    kind: 'blocked',
    waitsFor: 1,
    parents: [{ id: parent.id, name: 'extract', state: 'scheduled', onDependencyFailure: 'cancel' }],
  });
});

test('parents in queues that are beyond the caller are not named', async () => {
  const { child } = await family('cancel');
  const namedTo = async (patterns: readonly string[]) =>
    (await repository.gather(child.id, patterns))?.parents.map(({ name }) => name);
  expect(await namedTo(['other%'])).toEqual([]);
  expect(await namedTo(['other%', queue])).toEqual(['extract']);
});

test('a job that is held because a parent failed says which one', async () => {
  const { parent, child } = await family('hold');
  await store.jobs.cancel(parent.id);
  expect(await reasonOf(child)).toMatchObject({
    kind: 'held',
    error: { name: 'DependencyFailed' },
    parents: [{ id: parent.id, state: 'cancelled' }],
  });
});

test('a job of a paused queue waits for it to be resumed', async () => {
  await create();
  const job = await submit();
  await store.queues.setPaused(queue, true);
  expect(await reasonOf(job)).toMatchObject({ kind: 'queue-paused', queue });
  await store.queues.setPaused(queue, false);
  expect(await reasonOf(job)).toMatchObject({ kind: 'handing-over' });
});

test('a full concurrency limit names the jobs that hold it, those that run before those that are about to', async () => {
  await create({ concurrency: 2 });
  const running = await submit({ priority: 1 });
  const queued = await submit({ priority: 0 });
  await submit();
  const job = await submit();
  expect(await claim(10)).toMatchObject([{ jobs: [{ id: queued.id }, { id: running.id }] }]);
  await store.runs.start(executor, [{ jobId: running.id, delivery: 1 }], GRACE_MS);
  expect(await reasonsOf(job)).toMatchObject([
    { kind: 'concurrency-limit', limit: 2, inFlight: 2, holders: [running.id, queued.id] },
    { kind: 'turn', fairnessKey: null, ahead: 1 },
  ]);
});

test('a full concurrency key names the job that holds it; the key of others is none of its business', async () => {
  await store.queues.ensure(queue, true);
  const first = await submit({ concurrencyKey: 'a' });
  await claim(10);
  const job = await submit({ concurrencyKey: 'a' });
  const other = await submit({ concurrencyKey: 'b' });
  expect(await reasonOf(job)).toMatchObject({
    kind: 'concurrency-key-limit',
    concurrencyKey: 'a',
    limit: 1,
    inFlight: 1,
    holders: [first.id],
  });
  expect((await reasonOf(other)).kind).not.toBe('concurrency-key-limit');
});

test('a job that its queue’s rate holds back knows about how long', async () => {
  await create({ rateLimit: { limit: 60, intervalMs: 3_600_000 } });
  await submit();
  expect(await claim(10)).toMatchObject([{ jobs: [{}] }]);
  await submit();
  const job = await submit();
  const reason = await reasonOf(job);
  expect(reason).toMatchObject({ kind: 'rate-limit', limit: 60, intervalMs: 3_600_000, ahead: 1 });
  expect(reason.aboutMs).toBeGreaterThan(100_000);
  expect(reason.aboutMs).toBeLessThanOrEqual(120_100);
});

test('a job that takes turns with other fairness keys knows how many, and how many of its own go before it', async () => {
  await store.queues.ensure(queue, true);
  for (let n = 0; n < 5; n += 1) await submit({ fairnessKey: 'noisy' });
  await submit({ fairnessKey: 'third' });
  await submit({ fairnessKey: 'quiet' });
  const job = await submit({ fairnessKey: 'quiet' });
  expect(await reasonOf(job)).toMatchObject({ kind: 'turn', fairnessKey: 'quiet', ahead: 1, otherKeys: 2 });
});

test('in strict order a job names the one whose turn it is, also while that one waits for its retry', async () => {
  await create({ drain: 'leader' });
  const first = await submit();
  const job = await submit();
  expect(await reasonOf(job)).toMatchObject({ kind: 'strict-order', turnOf: null, ahead: 1 });
  await new OrderedFeedRepository(store.prisma, store.epochs).claim(leader, [queue]);
  expect(await reasonOf(job)).toMatchObject({
    kind: 'strict-order',
    turnOf: { id: first.id, state: 'queued' },
  });
  const [started] = await store.runs.start(executor, [{ jobId: first.id, delivery: 1 }], GRACE_MS);
  await finish(started as StartedJob, failed);
  expect(await reasonOf(job)).toMatchObject({ turnOf: { id: first.id, state: 'scheduled' } });
  expect(await reasonOf(first)).toMatchObject({ kind: 'retry-later' });
});

test('a job for workers outside waits for one that asks for its type, and in its queue', async () => {
  const type = uniqueName('type');
  await new JobTypeRepository(store.prisma).announceRemote({ type, payloadSchema: {} });
  await store.queues.ensure(queue);
  const polls = new WorkerPollRepository(store.prisma);
  const job = await submit({ type });
  expect(await reasonOf(job)).toMatchObject({ kind: 'no-worker', type, queue });
  await polls.note({ types: [type], queues: ['elsewhere'] }, 60_000);
  await polls.note({ types: ['other'], queues: null }, 60_000);
  await polls.note({ types: [type], queues: null }, -1);
  expect(await reasonOf(job)).toMatchObject({ kind: 'no-worker' });

  const lease = { executorId: randomUUID(), leaseMs: 60_000, worker: 'w1' };
  const { jobs } = await new LeasingRepository(store.prisma).lease({ types: [type], queues: null }, [lease]);
  expect(jobs).toMatchObject([{ id: job.id }]);
  expect(await reasonOf(job)).toMatchObject({ kind: 'running', worker: 'w1' });
  const next = await submit({ type });
  expect(await reasonOf(next)).toMatchObject({ kind: 'workers-busy', leases: 1 });
  await polls.note({ types: [type, 'other'], queues: [queue] }, 60_000);
  expect(await reasonOf(next)).toMatchObject({ kind: 'handing-over', to: 'worker' });
  await store.turnClock('jobs', job.id, `lease_until = now() - interval '1 ms'`);
  expect(await reasonOf(job)).toMatchObject({ kind: 'executor-silent', worker: 'w1' });
});

test('a poll that nobody has repeated in an hour is forgotten', async () => {
  const polls = new WorkerPollRepository(store.prisma);
  await polls.note({ types: ['old'], queues: null }, -3_600_001);
  await polls.note({ types: ['new'], queues: null }, 1000);
  expect(await store.prisma.query(`SELECT types FROM worker_polls WHERE types && '{old,new}'`)).toEqual([
    { types: ['new'] },
  ]);
});

test('before a job come those of more urgent priorities that are due, and those of its own that were due before', async () => {
  const at = (ms: number) => new Date(LONG_AGO.getTime() + ms);
  const inAnHour = new Date(Date.now() + 3_600_000);
  const job = await submit({ runAt: at(10) });
  await submit({ runAt: at(9) });
  await submit({ runAt: at(10), id: '01890a5d-ac96-774b-bcce-b302099a8057' });
  await submit({ runAt: at(20), priority: 0 });
  await submit({ runAt: at(20), priority: 4 });
  // None of these is.
  await submit({ runAt: at(11) });
  await submit({ runAt: at(1), priority: 6 });
  await submit({ runAt: inAnHour, priority: 0 });
  await store.submit({ queue: uniqueName('other'), runAt: at(1) });
  expect(await facts(job)).toMatchObject({ dueBefore: 4, handedOver: 0 });
  expect((await facts(await submit({ runAt: inAnHour }))).dueBefore).toBe(0);
});

test('what has been handed over and not started is counted for the queue of the job', async () => {
  for (let n = 0; n < 3; n += 1) await submit();
  const other = uniqueName('other');
  await store.submit({ queue: other });
  await store.claim(leader, { [queue]: 3, [other]: 1 });
  await submit({ runAt: LONG_AGO, priority: 0 });
  const running = await start();
  const job = await submit();
  const { handedOver, executors } = await facts(job);
  expect(handedOver).toBe(3);
  expect(executors).toMatchObject([
    { id: executor, slots: 10, running: 1, draining: false, types: ['test'] },
  ]);
  expect(executors[0]?.leaseMs).toBeGreaterThan(3_000_000);
  expect(await reasonOf(running)).toMatchObject({ kind: 'running', executor: { id: executor } });
});

test('an executor whose lease has ended is told of with the time since', async () => {
  const job = await submit();
  await start();
  await store.turnClock('executors', executor, `lease_until = now() - interval '2 s'`);
  expect((await facts(job)).executors[0]?.leaseMs).toBeLessThanOrEqual(-2000);
  expect(await reasonOf(job)).toMatchObject({ kind: 'executor-silent' });
});

test('with many jobs waiting, places are counted to the limit and nothing is read to the end', async () => {
  await store.prisma.query(
    `INSERT INTO jobs (id, type, queue, state, priority, run_at, max_attempts, timeout_ms, payload)
     SELECT gen_random_uuid(), 'test', $1, 'scheduled', n % 10, timestamptz '2020-01-01' + n * interval '1 ms', 1, 1, '{}'
     FROM generate_series(1, 20000) AS n`,
    queue,
  );
  await store.queues.ensure(queue, true);
  await store.prisma.query('VACUUM ANALYZE jobs');
  const last = await submit({ runAt: null, priority: 9 });
  expect((await facts(last)).dueBefore).toBe(1000);
  const deepInOne = await submit({ runAt: new Date('2020-01-01T01:00:00Z'), priority: 0 });
  expect((await facts(deepInOne)).dueBefore).toBe(1000);
  for (const statement of [WHY_JOB, WHY_EXECUTORS, WHY_QUEUE]) {
    const plan = await prisma.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN (ANALYZE, BUFFERS) ${statement}`,
      last.id,
      ...(statement === WHY_JOB ? [null] : []),
    );
    const text = plan.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).not.toContain('Seq Scan on jobs');
    expect(Number(/Buffers: shared hit=(\d+)/.exec(text)?.[1])).toBeLessThan(1500);
  }
});
