/** Bulk operations on a real Postgres: what each does, what it leaves alone, and that no crash makes it do a thing twice or not at all. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import { BatchFailedError, BulkRepository, type BulkOperation } from '#common/database/bulk.repository.js';
import { EventRepository } from '#common/database/event.repository.js';
import type { Fence } from '#common/database/leader-epochs.js';
import type { BulkAction } from '#common/domain/bulk.js';
import { decide } from '#common/domain/outcome.js';
import { parseJobQuery } from '#common/domain/job-query.js';
import type { NewJob } from '#common/domain/job.js';
import { newId } from '#common/runtime/new-id.js';
import { withPostgres } from '#tools/sql.js';
import { uniqueName } from '../support/environment.js';
import { GRACE_MS, newJob, TestStore } from './support/database.js';
import { Reader, record } from './support/events.js';

const LEASE_MS = 60_000;

let store: TestStore;
let bulk: BulkRepository;
let leader: Fence;
let queue: string;
let runner: string;

beforeAll(async () => {
  store = await TestStore.open();
  bulk = new BulkRepository(store.prisma);
  leader = await store.lead();
});
afterAll(() => store.close());
beforeEach(() => {
  queue = uniqueName('queue');
  runner = uuidv7();
});

const filterOf = (query: string) => {
  const parsed = parseJobQuery(`queue:${queue} ${query}`);
  if ('fault' in parsed) throw new Error(parsed.fault.message);
  return { terms: parsed.terms, queuePatterns: null };
};

const NOBODY = { keyId: null, name: null };

async function ask(action: BulkAction, query = ''): Promise<BulkOperation> {
  const made = await bulk.create(newId(), { ...action, filter: { q: query } }, filterOf(query), NOBODY);
  if (made.kind !== 'created') throw new Error('without an Idempotency-Key each request makes one');
  return made.operation;
}

async function look({ id }: { id: string }): Promise<BulkOperation> {
  const operation = await bulk.get(id, null);
  if (operation === undefined) throw new Error('the operation is gone');
  return operation;
}

/** Batches until there is nothing to do. */
async function finish(operation: { id: string }, who = runner): Promise<BulkOperation> {
  for (let batches = 0; batches < 1000; batches += 1) {
    if ((await bulk.runBatch(who, LEASE_MS)) === 'idle') return look(operation);
  }
  throw new Error('it does not end');
}

async function add(count: number, changes: Partial<NewJob> = {}): Promise<string[]> {
  const jobs = Array.from({ length: count }, () => newJob({ queue, ...changes }));
  for (let from = 0; from < count; from += 1000)
    await store.jobs.insertTogether(jobs.slice(from, from + 1000));
  return jobs.map(({ id }) => id);
}

async function die(changes: Partial<NewJob> = {}): Promise<string> {
  const own = uniqueName('queue');
  const { id } = await store.submit({ ...changes, queue: own, maxAttempts: 1 });
  const claimed = await store.claim(leader, { [own]: 1 });
  const executorId = await store.executor();
  const delivery = claimed === 'fenced' ? 0 : (claimed[0]?.delivery ?? 0);
  const [started] = await store.runs.start(executorId, [{ jobId: id, delivery }], GRACE_MS);
  if (started === undefined || started === 'stale') throw new Error('it did not start');
  const decision = decide(started, { kind: 'failed', error: { name: 'Boom', message: 'it broke' } }, 0);
  await store.runs.finish([
    { jobId: id, delivery, attempt: started.attempt, executorId, decision, output: [] },
  ]);
  await store.turnClock('jobs', id, `queue = '${queue}'`);
  return id;
}

const states = async () =>
  Object.fromEntries(
    (
      await store.prisma.query<{ state: string; count: number }>(
        `SELECT state, count(*)::int AS count FROM jobs WHERE queue = $1 GROUP BY state`,
        queue,
      )
    ).map(({ state, count }) => [state, count]),
  );

test('a cancellation ends what waits, asks what runs to end, and counts what it leaves alone', async () => {
  const [running] = await add(1);
  const claimed = await store.claim(leader, { [queue]: 1 });
  const delivery = claimed === 'fenced' ? 0 : (claimed[0]?.delivery ?? 0);
  await store.runs.start(await store.executor(), [{ jobId: running ?? '', delivery }], GRACE_MS);
  const dead = await die();
  await add(1200);
  const operation = await ask({ action: 'cancel' });
  const done = await finish(operation);
  expect(done).toMatchObject({ state: 'done', matched: 1202, done: 1201, skipped: { ended: 1 }, held: [] });
  expect(await states()).toEqual({ cancelled: 1200, running: 1, dead: 1 });
  expect((await store.job(running ?? '')).cancelRequestedAt).not.toBeNull();
  expect((await store.job(dead)).state).toBe('dead');
  expect(await finish(await ask({ action: 'cancel' }))).toMatchObject({
    done: 0,
    skipped: { ended: 1201, 'already-requested': 1 },
  });
});

test('a filter narrows it, and jobs that come in after it was asked for are not meant', async () => {
  await add(3, { type: 'one' });
  const others = await add(2, { type: 'two' });
  const operation = await ask({ action: 'cancel' }, 'type:one');
  const [late] = await add(1, { type: 'one' });
  await store.turnClock('jobs', late ?? '', `created_at = now() + interval '1 second'`);
  expect(await finish(operation)).toMatchObject({ matched: 3, done: 3 });
  expect(await states()).toEqual({ cancelled: 3, scheduled: others.length + 1 });
});

test('a retry brings dead jobs back, of several with one unique key only one', async () => {
  const uniqueKey = uniqueName('key');
  await die({ uniqueKey });
  await die({ uniqueKey });
  const plain = await die();
  await add(2);
  const done = await finish(await ask({ action: 'retry', attempts: 3 }));
  expect(done).toMatchObject({ matched: 5, done: 2, skipped: { 'not-dead': 2, 'unique-key-taken': 1 } });
  expect(await store.job(plain)).toMatchObject({ state: 'scheduled', attempt: 1, maxAttempts: 4 });
  expect(await states()).toEqual({ scheduled: 4, dead: 1 });
});

test('a deletion takes what has ended, with its history, and nothing else', async () => {
  const id = await die();
  await finish(await ask({ action: 'retry', attempts: 1 }));
  await store.jobs.cancel(id);
  await add(2);
  expect(await finish(await ask({ action: 'delete' }))).toMatchObject({
    done: 1,
    skipped: { 'not-ended': 2 },
  });
  expect(await store.jobs.get(id)).toBeUndefined();
  expect(await store.jobs.earlierAttempts(id)).toEqual([]);
  expect(await states()).toEqual({ scheduled: 2 });
});

test('another priority is that of a waiting job at once; what was handed over goes back, and its old delivery starts nothing', async () => {
  const [first, second] = await add(2);
  const claimed = await store.claim(leader, { [queue]: 1 });
  const delivery = claimed === 'fenced' ? undefined : claimed[0];
  expect(delivery?.id).toBe(first);
  const done = await finish(await ask({ action: 'reprioritise', priority: 1 }));
  expect(done).toMatchObject({ matched: 2, done: 2, skipped: {} });
  expect(await store.job(second ?? '')).toMatchObject({ priority: 1, state: 'scheduled' });
  expect(await store.job(first ?? '')).toMatchObject({ priority: 1, state: 'scheduled', queuedAt: null });
  const executor = await store.executor();
  const old = { jobId: first ?? '', delivery: delivery?.delivery ?? 0 };
  expect(await store.runs.start(executor, [old], GRACE_MS)).toEqual(['stale']);
  const again = await store.claim(leader, { [queue]: 2 });
  expect(again === 'fenced' ? [] : again.map(({ id, priority }) => [id, priority])).toEqual([
    [first, 1],
    [second, 1],
  ]);
  expect(await finish(await ask({ action: 'reprioritise', priority: 1 }))).toMatchObject({
    skipped: { unchanged: 2 },
  });
});

test('a job that somebody else is changing is neither waited for nor left out', async () => {
  const ids = await add(3);
  const operation = await ask({ action: 'cancel' });
  await withPostgres(store.url, async (other) => {
    await other.query('BEGIN');
    await other.query('SELECT 1 FROM jobs WHERE id = $1 FOR UPDATE', [ids[1]]);
    await bulk.runBatch(runner, LEASE_MS);
    expect(await look(operation)).toMatchObject({ state: 'running', done: 2, held: [ids[1]] });
    await other.query('COMMIT');
  });
  expect(await finish(operation)).toMatchObject({ state: 'done', matched: 3, done: 3, held: [] });
});

test('a batch that breaks off changes nothing at all, and the next one does all of it', async () => {
  await add(700);
  const operation = await ask({ action: 'cancel' });
  await bulk.runBatch(runner, LEASE_MS);
  // Whatever comes in between the change of the jobs and that of the operation.
  await store.prisma.query(`ALTER TABLE bulk_operations ADD CONSTRAINT broken CHECK (done <> 700)`);
  await expect(bulk.runBatch(runner, LEASE_MS)).rejects.toBeInstanceOf(BatchFailedError);
  expect(await look(operation)).toMatchObject({ done: 500, matched: 500 });
  expect(await states()).toEqual({ cancelled: 500, scheduled: 200 });
  await store.prisma.query(`ALTER TABLE bulk_operations DROP CONSTRAINT broken`);
  expect(await finish(operation)).toMatchObject({ done: 700, matched: 700 });
});

test('whoever has an operation keeps it until its lease is over, then another one goes on where it was', async () => {
  await add(1200);
  const operation = await ask({ action: 'cancel' });
  await bulk.runBatch(runner, LEASE_MS);
  const other = uuidv7();
  expect(await bulk.runBatch(other, LEASE_MS)).toBe('idle');
  await store.prisma.query(
    `UPDATE bulk_operations SET lease_until = now() - interval '1 second' WHERE id = $1::uuid`,
    operation.id,
  );
  expect(await bulk.runBatch(other, LEASE_MS)).not.toBe('idle');
  expect(await bulk.runBatch(runner, LEASE_MS)).toBe('idle');
  await bulk.release(other);
  expect(await finish(operation)).toMatchObject({ state: 'done', matched: 1200, done: 1200 });
});

test('stores that take turns on one operation do each job once', async () => {
  await add(3000);
  const operation = await ask({ action: 'reprioritise', priority: 2 });
  const stores = Array.from({ length: 4 }, () => uuidv7());
  await Promise.all(
    stores.map(async (who) => {
      // No lease at all: only the lock keeps them apart.
      while ((await look(operation)).state === 'running') await bulk.runBatch(who, 0);
    }),
  );
  expect(await look(operation)).toMatchObject({ state: 'done', matched: 3000, done: 3000, skipped: {} });
});

test('one that is stopped goes no further, and ends only once', async () => {
  await add(1200);
  const operation = await ask({ action: 'cancel' });
  await bulk.runBatch(runner, LEASE_MS);
  expect(await bulk.cancel(operation.id)).toMatchObject({ state: 'cancelled', done: 500 });
  expect(await bulk.cancel(operation.id)).toBeUndefined();
  expect(await finish(operation)).toMatchObject({ state: 'cancelled', done: 500 });
  expect(await states()).toEqual({ cancelled: 500, scheduled: 700 });
});

test('a dry run counts by state, and one that is out of time says how far it got', async () => {
  await add(5100);
  await die();
  expect(await bulk.count(filterOf(''), 60_000)).toEqual({
    byState: { scheduled: 5100, dead: 1 },
    countedBackTo: undefined,
  });
  const hurried = await bulk.count(filterOf(''), -1);
  expect(hurried.byState).toEqual({ scheduled: 4999, dead: 1 });
  expect(hurried.countedBackTo).toBeDefined();
  expect(await states()).toEqual({ scheduled: 5100, dead: 1 });
});

test('listeners hear of each change that it makes', async () => {
  const [id] = await add(1);
  await store.claim(leader, { [queue]: 1 });
  const events = new EventRepository(store.prisma);
  await record(events);
  const reader = new Reader(events);
  await reader.read();
  await finish(await ask({ action: 'reprioritise', priority: 0 }));
  await finish(await ask({ action: 'cancel' }));
  await finish(await ask({ action: 'delete' }));
  const heard = (await reader.read()).filter((event) => event.jobId === id);
  expect(heard.map(({ change, state }) => [change, state])).toEqual([
    ['state', 'scheduled'],
    ['state', 'cancelled'],
    ['deleted', 'cancelled'],
  ]);
});
