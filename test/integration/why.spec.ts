/** The facts behind "why": gathered from rows as the protocol leaves them, and cheaply however many jobs wait. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { PrismaService } from '#common/database/prisma.service.js';
import {
  WHY_EXECUTORS,
  WHY_JOB,
  WhyRepository,
  type GatheredFacts,
} from '#common/database/why.repository.js';
import type { Fence } from '#common/database/leader-epochs.js';
import type { NewJob, StartedJob } from '#common/domain/job.js';
import { decide, type Outcome } from '#common/domain/outcome.js';
import { why } from '#common/domain/why.js';
import { uniqueName } from '../support/environment.js';
import { GRACE_MS, LONG_AGO, quiet, TestStore } from './support/database.js';

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
  const gathered = await repository.gather(id);
  if (gathered === undefined) throw new Error(`there is no job ${id}`);
  return gathered;
}
const reasonOf = async (job: { readonly id: string }) =>
  why({ ...(await facts(job)), leadership: { kind: 'leading' } })[0];
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
  expect(await repository.gather('01890a5d-ac96-774b-bcce-b302099a8057')).toBeUndefined();
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
  expect(await reasonOf(job)).toEqual({ kind: 'held', aboutMs: null, error });
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
  await store.prisma.query('VACUUM ANALYZE jobs');
  const last = await submit({ runAt: null, priority: 9 });
  expect((await facts(last)).dueBefore).toBe(1000);
  const deepInOne = await submit({ runAt: new Date('2020-01-01T01:00:00Z'), priority: 0 });
  expect((await facts(deepInOne)).dueBefore).toBe(1000);
  for (const statement of [WHY_JOB, WHY_EXECUTORS]) {
    const plan = await prisma.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN (ANALYZE, BUFFERS) ${statement}`,
      last.id,
    );
    const text = plan.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).not.toContain('Seq Scan on jobs');
    expect(Number(/Buffers: shared hit=(\d+)/.exec(text)?.[1])).toBeLessThan(1500);
  }
});
