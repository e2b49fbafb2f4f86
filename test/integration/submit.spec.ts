/** Submitting, listing and cancelling jobs, as the store does it. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { DatabaseUnavailableError, isValueFault } from '#common/database/database-errors.js';
import { JobRepository } from '#common/database/job.repository.js';
import { Notifier } from '#common/database/notifications.js';
import { PrismaService } from '#common/database/prisma.service.js';
import type { Job, Json } from '#common/domain/job.js';
import { withDatabase } from '#tools/sql.js';
import { uniqueName } from '../support/environment.js';
import { GRACE_MS, LONG_AGO, newJob, quiet, TestStore } from './support/database.js';

let store: TestStore;
let queue: string;

beforeAll(async () => {
  store = await TestStore.open();
});
afterAll(() => store.close());
beforeEach(() => {
  queue = uniqueName('queue');
});

const reasonOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );

test('a job comes back as it was submitted, scheduled and never started', async () => {
  const wanted = newJob({
    queue,
    name: 'nächtlicher Lauf 😀',
    payload: { deep: [{ list: [1, 2.5, true, null, 'x'] }], big: 12_345_678_901_234 },
    priority: 0,
    maxAttempts: 100,
    timeoutMs: 7 * 24 * 3_600_000,
    retry: { strategy: 'list', delaysMs: [1, 2] },
  });
  const job = await store.jobs.insert(wanted);
  const { delayMs: _delayMs, expiresInMs: _expiresInMs, ...rest } = wanted;
  expect(job).toMatchObject({
    ...rest,
    state: 'scheduled',
    runAt: LONG_AGO,
    delivery: 0,
    attempt: 0,
    queuedAt: null,
    startedAt: null,
    finishedAt: null,
    executorId: null,
    cancelRequestedAt: null,
    result: null,
    error: null,
  });
  expect(await store.job(wanted.id)).toEqual(job);
});

test.each<[string, Json]>([
  ['null', null],
  ['false', false],
  ['an empty text', ''],
  ['a list', []],
])('%s is a payload like any other', async (_what, payload) => {
  const { id } = await store.submit({ queue, payload });
  expect((await store.job(id)).payload).toEqual(payload);
});

test('without a due time, a job is due on the clock of Postgres, or so much later', async () => {
  const [now, later] = [
    await store.submit({ queue, runAt: null }),
    await store.submit({ queue, runAt: null, delayMs: 90_000 }),
  ];
  expect(now.runAt.getTime()).toBe(now.createdAt.getTime());
  expect(later.runAt.getTime() - later.createdAt.getTime()).toBe(90_000);
});

test.each(['0001-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z'])(
  '%s is a time that can be kept',
  async (text) => {
    expect((await store.submit({ queue, runAt: new Date(text) })).runAt.toISOString()).toBe(text);
  },
);

test('submissions that arrive together each get their own job', async () => {
  const wanted = Array.from({ length: 2500 }, (_, n) =>
    newJob({ queue, name: `job ${n}`, priority: n % 10 }),
  );
  const jobs = await Promise.all(wanted.map((job) => store.jobs.insert(job)));
  expect(jobs.map(({ id, name, priority }) => [id, name, priority])).toEqual(
    wanted.map(({ id, name, priority }) => [id, name, priority]),
  );
});

test('one that Postgres refuses fails alone', async () => {
  const good = Array.from({ length: 20 }, () => newJob({ queue }));
  const twin = newJob({ queue, id: good[3]?.id ?? '' });
  const tooUrgent = newJob({ queue, priority: -1 });
  const withNul = newJob({ queue, name: 'a\0b' });
  const [accepted, refused] = await Promise.all([
    Promise.all(good.map((job) => store.jobs.insert(job))),
    Promise.all([tooUrgent, withNul, twin].map((job) => reasonOf(store.jobs.insert(job)))),
  ]);
  expect(accepted.map(({ id }) => id)).toEqual(good.map(({ id }) => id));
  for (const reason of refused) expect(isValueFault(reason)).toBe(true);
  expect(await store.list({ queue }, 200)).toHaveLength(20);
});

test('while Postgres cannot be reached, a submission fails as unavailable, and is not stored', async () => {
  const prisma = new PrismaService(
    { DATABASE_URL: withDatabase(store.url, 'no_such_database'), PG_MAX_CONNS: 2 },
    'triumvir-test',
    quiet,
  );
  const reason = await reasonOf(new JobRepository(prisma, new Notifier(prisma)).insert(newJob({ queue })));
  expect(reason).toBeInstanceOf(DatabaseUnavailableError);
  await prisma.onApplicationShutdown();
});

test('a list goes from the newest to the oldest, page after page, each job once', async () => {
  const jobs: Job[] = [];
  for (let n = 0; n < 7; n += 1) jobs.push(await store.submit({ queue }));
  const seen: string[] = [];
  let before: string | undefined;
  do {
    const page = await store.list({ queue, before }, 3);
    seen.push(...page.map(({ id }) => id));
    before = page.at(-1)?.id;
  } while (before !== undefined);
  expect(seen).toEqual(jobs.map(({ id }) => id).toReversed());
});

test('jobs that come in while somebody pages through neither shift nor repeat what was there', async () => {
  const there = await Promise.all(Array.from({ length: 60 }, () => store.submit({ queue })));
  const first = await store.list({ queue }, 10);
  const seen = first.map(({ id }) => id);
  while (seen.length < 60) {
    const [page] = await Promise.all([
      store.list({ queue, before: seen.at(-1) }, 10),
      ...Array.from({ length: 5 }, () => store.submit({ queue })),
    ]);
    seen.push(...page.map(({ id }) => id));
  }
  expect(seen).toEqual(
    there
      .map(({ id }) => id)
      .toSorted()
      .toReversed(),
  );
});

test('filters narrow a list, all of them together', async () => {
  const job = await store.submit({ queue, type: 'one' });
  await store.submit({ queue, type: 'two' });
  const cancelled = await store.submit({ queue, type: 'one' });
  await store.jobs.cancel(cancelled.id);
  const list = async (filter: object) => (await store.list({ queue, ...filter }, 10)).map(({ id }) => id);
  expect(await list({ type: 'one', states: ['scheduled'] })).toEqual([job.id]);
  expect(await list({ states: ['cancelled', 'dead'] })).toEqual([cancelled.id]);
  expect(await list({ states: [] })).toEqual([]);
  expect(await list({ type: `one' OR '1'='1` })).toEqual([]);
});

test('jobs are found by their tags, newest first, and by all of several', async () => {
  const tag = uniqueName('tag');
  const [one, two, three] = [
    await store.submit({ tags: [tag, 'sonder "zeichen" \\ {} ü'] }),
    await store.submit({ tags: [tag] }),
    await store.submit({ tags: ['sonder "zeichen" \\ {} ü'] }),
  ];
  const found = async (...tags: string[]) => (await store.list({ tags }, 10)).map(({ id }) => id);
  expect(await found(tag)).toEqual([two.id, one.id]);
  expect(await found('sonder "zeichen" \\ {} ü')).toEqual([three.id, one.id]);
  expect(await found(tag, 'sonder "zeichen" \\ {} ü')).toEqual([one.id]);
  expect(await found(uniqueName('tag'))).toEqual([]);
  expect(await store.list({ tags: [tag], before: two.id }, 10)).toMatchObject([one]);
});

test('jobs without tags are not in the index of tags', async () => {
  const { id } = await store.submit({ tags: [] });
  const rows = await store.prisma.query<{ none: boolean }>(
    `SELECT tags IS NULL AS none FROM jobs WHERE id = $1::uuid`,
    id,
  );
  expect(rows).toEqual([{ none: true }]);
});

test('an unknown id is no job, to look up and to cancel', async () => {
  const id = '01890a5d-ac96-774b-bcce-b302099a8057';
  expect(await store.jobs.get(id)).toBeUndefined();
  expect(await store.jobs.cancel(id)).toBeUndefined();
});

test.each(['scheduled', 'queued', 'blocked'] as const)(
  'a job that is %s is cancelled at once',
  async (state) => {
    const { id } = await store.submit({ queue });
    await store.turnClock('jobs', id, `state = '${state}'`);
    const answer = await store.jobs.cancel(id);
    expect(answer).toMatchObject({ accepted: true, job: { state: 'cancelled' } });
    expect(answer?.job.finishedAt).toBeInstanceOf(Date);
    expect(answer?.job.cancelRequestedAt).toBeInstanceOf(Date);
  },
);

test('a running job is only asked to end, and its executor is told of it until it confirms', async () => {
  const leader = await store.lead();
  const executor = await store.executor();
  const { id } = await store.submit({ queue });
  await store.claim(leader, { [queue]: 1 });
  await store.runs.start(executor, [{ jobId: id, delivery: 1 }], GRACE_MS);
  const answer = await store.jobs.cancel(id);
  expect(answer).toMatchObject({ accepted: true, job: { state: 'running', finishedAt: null } });
  expect(await store.runs.findOwn(executor, 60_000)).toMatchObject([{ id, cancelRequested: true }]);
  expect(await store.runs.findOwn(await store.executor(), 60_000)).toEqual([]);
  expect((await store.jobs.cancel(id))?.job.cancelRequestedAt).toEqual(answer?.job.cancelRequestedAt);
  await store.runs.finish([
    {
      jobId: id,
      delivery: 1,
      attempt: 1,
      executorId: executor,
      decision: { state: 'cancelled' },
      output: [],
    },
  ]);
  expect(await store.runs.findOwn(executor, 60_000)).toEqual([]);
  expect((await store.job(id)).state).toBe('cancelled');
});

test.each(['succeeded', 'dead', 'cancelled', 'expired'] as const)(
  'a job that is %s cannot be cancelled any more, and does not change',
  async (state) => {
    const { id } = await store.submit({ queue });
    await store.turnClock('jobs', id, `state = '${state}', finished_at = now()`);
    const before = await store.job(id);
    expect(await store.jobs.cancel(id)).toEqual({ accepted: false, job: before });
    expect(await store.job(id)).toEqual(before);
  },
);
