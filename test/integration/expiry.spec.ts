/** Expiry: a job that has not started in time never starts, whoever tries, and gets its end from the leader. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { arrayLiteral } from '#common/database/array-literal.js';
import { ExpiryRepository } from '#common/database/expiry.repository.js';
import { START_JOBS } from '#common/database/job-statements.js';
import type { Fence } from '#common/database/leader-epochs.js';
import type { Job, NewJob } from '#common/domain/job.js';
import { uniqueName } from '../support/environment.js';
import { GRACE_MS, LONG_AGO, TestStore } from './support/database.js';

const HOUR_MS = 3_600_000;

let store: TestStore;
let expiry: ExpiryRepository;
let leader: Fence;
let queue: string;
let executor: string;

beforeAll(async () => {
  store = await TestStore.open();
  expiry = new ExpiryRepository(store.prisma, store.epochs);
});
afterAll(() => store.close());
beforeEach(async () => {
  // Deleted rows would still take their room on the pages.
  await store.prisma.query('TRUNCATE jobs');
  leader = await store.lead();
  queue = uniqueName('queue');
  executor = await store.executor();
});

const inAnHour = () => new Date(Date.now() + HOUR_MS);
const submit = (changes: Partial<NewJob> = {}) => store.submit({ queue, expiresAt: inAnHour(), ...changes });
const claim = async () => {
  const claimed = await store.claim(leader, { [queue]: 10 });
  return claimed === 'fenced' ? [] : claimed.map(({ id, delivery }) => ({ jobId: id, delivery }));
};
const startAll = async () => store.runs.start(executor, await claim(), GRACE_MS);
const letExpire = ({ id }: Job) => store.turnClock('jobs', id, `expires_at = now() - interval '1 ms'`);
const stateOf = async ({ id }: Job) => (await store.job(id)).state;

test('a duration counts from when the job is due, and from its submission when it was due before', async () => {
  const runAt = new Date('2040-01-01T00:00:00Z');
  const later = await store.submit({ runAt, expiresInMs: 5000 });
  expect(later.expiresAt).toEqual(new Date('2040-01-01T00:00:05Z'));
  const overdue = await store.submit({ runAt: LONG_AGO, expiresInMs: 5000 });
  expect(overdue.expiresAt?.getTime()).toBe(overdue.createdAt.getTime() + 5000);
  const delayed = await store.submit({ runAt: null, delayMs: 700, expiresInMs: 5000 });
  expect(delayed.expiresAt?.getTime()).toBe(delayed.createdAt.getTime() + 5700);
  expect(await store.job(delayed.id)).toEqual(delayed);
  const endOfTime = await store.submit({ runAt: new Date('9999-12-31T23:00:00Z'), expiresInMs: 9e10 });
  expect(endOfTime.expiresAt).toEqual(new Date('9999-12-31T23:59:59Z'));
});

test('jobs of one batch keep their own expiry, or none', async () => {
  const at = new Date('2040-01-01T00:00:00Z');
  const template = await submit();
  const [none, some] = [uniqueName('none'), uniqueName('some')];
  const base = { ...template, delayMs: 0, expiresInMs: null };
  const stored = await store.jobs.insertTogether([
    { ...base, id: '01890a5d-ac96-774b-bcce-b302099a8051', name: none, expiresAt: null },
    { ...base, id: '01890a5d-ac96-774b-bcce-b302099a8052', name: some, expiresAt: at },
  ]);
  expect(stored.map(({ name, expiresAt }) => [name, expiresAt])).toEqual([
    [none, null],
    [some, at],
  ]);
});

test('a job whose time to start has passed is not handed over', async () => {
  await letExpire(await submit());
  const other = await submit();
  expect(await claim()).toEqual([{ jobId: other.id, delivery: 1 }]);
});

test('a delivery starts nothing once the job has expired', async () => {
  const job = await submit();
  const deliveries = await claim();
  await letExpire(job);
  expect(await store.runs.start(executor, deliveries, GRACE_MS)).toEqual(['stale']);
  expect(await store.job(job.id)).toMatchObject({ state: 'queued', attempt: 0, startedAt: null });
});

test('the leader ends what has expired, waiting or handed over, and nothing else', async () => {
  const queued = await submit();
  await claim();
  const running = await submit();
  await startAll();
  const [scheduled, blocked, patient, unlimited] = [
    await submit(),
    await submit(),
    await submit(),
    await submit({ expiresAt: null }),
  ];
  await store.turnClock('jobs', blocked.id, `state = 'blocked'`);
  for (const job of [queued, running, scheduled, blocked]) await letExpire(job);

  expect(await expiry.expire(leader, 10)).toBe(2);
  expect(await stateOf(queued)).toBe('expired');
  expect(await store.job(scheduled.id)).toMatchObject({ state: 'expired', finishedAt: expect.any(Date) });
  expect(await stateOf(running)).toBe('running');
  expect(await stateOf(blocked)).toBe('blocked');
  expect(await stateOf(patient)).toBe('scheduled');
  expect(await stateOf(unlimited)).toBe('scheduled');
  expect(await expiry.expire(leader, 10)).toBe(0);
});

test('a job that waited for others expires as soon as it no longer does', async () => {
  const job = await submit();
  await store.turnClock('jobs', job.id, `state = 'blocked', expires_at = now() - interval '1 ms'`);
  expect(await expiry.nextInMs()).toBeNull();
  await store.turnClock('jobs', job.id, `state = 'scheduled'`);
  expect(await claim()).toEqual([]);
  expect(await expiry.expire(leader, 10)).toBe(1);
});

test('a retry of a job that has started before is not expired', async () => {
  const job = await submit({ maxAttempts: 2 });
  const [run] = await startAll();
  if (run === undefined || run === 'stale') throw new Error('it started');
  await store.runs.finish([
    {
      jobId: job.id,
      delivery: run.delivery,
      attempt: 1,
      executorId: executor,
      decision: {
        state: 'scheduled',
        delayMs: 0,
        counted: { outcome: 'failed', error: { name: 'Test', message: 'x' } },
      },
      output: [],
    },
  ]);
  await letExpire(job);
  expect(await expiry.expire(leader, 10)).toBe(0);
  expect(await startAll()).toMatchObject([{ id: job.id, attempt: 2 }]);
});

test('it is known when the next job expires', async () => {
  expect(await expiry.nextInMs()).toBeNull();
  const job = await submit();
  const nextInMs = await expiry.nextInMs();
  expect(nextInMs).toBeGreaterThan(HOUR_MS - 60_000);
  expect(nextInMs).toBeLessThanOrEqual(HOUR_MS);
  await letExpire(job);
  expect(await expiry.nextInMs()).toBeLessThan(0);
});

test('many that have expired are ended a limited number at a time, longest overdue first', async () => {
  const jobs = [await submit(), await submit(), await submit()];
  for (const [index, { id }] of jobs.entries())
    await store.turnClock('jobs', id, `expires_at = now() - interval '${index + 1} s'`);
  expect(await expiry.expire(leader, 2)).toBe(2);
  expect(await Promise.all(jobs.map(stateOf))).toEqual(['scheduled', 'expired', 'expired']);
});

test('a leader whose epoch is stale expires nothing', async () => {
  const job = await submit();
  await letExpire(job);
  await store.epochs.seize(leader.election, 2n, 'successor');
  expect(await expiry.expire(leader, 10)).toBe('fenced');
  expect(await stateOf(job)).toBe('scheduled');
});

test('a job that somebody holds is left to them, and nobody waits', async () => {
  const job = await submit();
  await letExpire(job);
  await store.prisma.$transaction(async (transaction) => {
    await transaction.$queryRawUnsafe('SELECT id FROM jobs WHERE id = $1::uuid FOR UPDATE', job.id);
    expect(await expiry.expire(leader, 10)).toBe(0);
  });
  expect(await expiry.expire(leader, 10)).toBe(1);
});

test('a start is a HOT update for jobs that have no expiry', async () => {
  const { id } = await submit({ expiresAt: null });
  await claim();
  const hot = await store.prisma.$transaction(async (transaction) => {
    const query = transaction.$queryRawUnsafe.bind(transaction)<{ hot: bigint }[]>;
    await query(START_JOBS, executor, arrayLiteral([id]), arrayLiteral([1]), GRACE_MS);
    return query(`SELECT pg_stat_get_xact_tuples_hot_updated('jobs'::regclass) AS hot`);
  });
  expect(hot).toEqual([{ hot: 1n }]);
});
