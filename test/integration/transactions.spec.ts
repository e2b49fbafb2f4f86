/** Transactions: what a deadlock undid is done anew, and errors that are not Postgres's stay what they are. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DatabaseUnavailableError } from '#common/database/database-errors.js';
import { LOOKUPS_ONLY, PrismaService, type Query } from '#common/database/prisma.service.js';
import { uniqueName } from '../support/environment.js';
import { GRACE_MS, quiet, TestStore } from './support/database.js';

let store: TestStore;

beforeAll(async () => {
  store = await TestStore.open(4);
});
afterAll(() => store.close());

const lockJob = (query: Query, id: string) =>
  query('SELECT 1 AS one FROM jobs WHERE id = $1::uuid FOR UPDATE', id);

function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

test('of two transactions that wait for each other both are done', async () => {
  const [one, other] = [await store.submit(), await store.submit()];
  // Each has locked its first job before either asks for its second one, the first time.
  let arrived = 0;
  const bothHold = gate();
  let tries = 0;
  const both = (first: string, second: string) =>
    store.prisma.inTransaction(async (query) => {
      tries += 1;
      await lockJob(query, first);
      arrived += 1;
      if (arrived === 2) bothHold.open();
      await bothHold.opened;
      await lockJob(query, second);
      return first;
    });
  expect(await Promise.all([both(one.id, other.id), both(other.id, one.id)])).toEqual([one.id, other.id]);
  expect(tries).toBe(3);
});

test('what is thrown in a transaction for a reason of its own is no sign that Postgres is away, and undoes it', async () => {
  const job = await store.submit();
  const refusal = new Error('not today');
  const work = store.prisma.inTransaction(async (query) => {
    await query('DELETE FROM jobs WHERE id = $1::uuid RETURNING 1 AS one', job.id);
    throw refusal;
  });
  await expect(work).rejects.toBe(refusal);
  expect((await store.job(job.id)).state).toBe('scheduled');
});

test('a transaction that Postgres cannot begin is', async () => {
  const away = new PrismaService(
    { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/nothing', PG_MAX_CONNS: 2 },
    'triumvir-test',
    quiet,
    LOOKUPS_ONLY,
  );
  await expect(away.inTransaction(async () => undefined)).rejects.toThrow(DatabaseUnavailableError);
  await away.onApplicationShutdown();
});

describe('a transaction whose process does not go on with it', () => {
  /** Locks what `lock` says and then does nothing until `goOn`; what comes of that is in `outcome`. */
  async function stalled(lock: (query: Query) => Promise<unknown>) {
    const [holds, stall] = [gate(), gate()];
    const outcome = store.prisma
      .inTransaction(async (query) => {
        await lock(query);
        holds.open();
        await stall.opened;
        return query('SELECT 1 AS one');
      })
      .catch((error: unknown) => error);
    await holds.opened;
    return { goOn: stall.open, outcome };
  }

  test('holds nobody up for longer than three seconds, and then hears that it was too slow', async () => {
    const leader = await store.lead();
    const executor = await store.executor();
    const { id, queue } = await store.submit({ queue: uniqueName('queue') });
    await store.claim(leader, { [queue]: 1 });
    await store.runs.start(executor, [{ jobId: id, delivery: 1 }], GRACE_MS);
    const holders = await Promise.all([
      stalled((query) => lockJob(query, id)),
      stalled((query) =>
        query('SELECT 1 AS one FROM leader_epochs WHERE election = $1 FOR SHARE', leader.election),
      ),
    ]);
    const beganMs = performance.now();
    const end = {
      jobId: id,
      delivery: 1,
      attempt: 1,
      executorId: executor,
      decision: { state: 'succeeded', result: null },
      output: [],
    } as const;
    const after = (waited: Promise<unknown>) => waited.then(() => performance.now() - beganMs);
    const waits = await Promise.all([
      after(expect(store.runs.finish([end])).resolves.toEqual(['succeeded'])),
      after(expect(store.epochs.advance(leader.election, 2n, 'next')).resolves.toBe(leader.epoch + 1n)),
    ]);
    // A slow link, which takes 2 s for the next statement, is no stall.
    expect(Math.min(...waits)).toBeGreaterThan(2000);
    expect(Math.max(...waits)).toBeLessThan(10_000);
    for (const { goOn, outcome } of holders) {
      goOn();
      expect(await outcome).toBeInstanceOf(DatabaseUnavailableError);
    }
  });

  test('hears so too when it was the whole process that stood still', async () => {
    const standing = store.prisma.inTransaction(async (query) => {
      await query(`SET LOCAL idle_in_transaction_session_timeout = '50ms'`);
      await query('SELECT 1 AS one');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
      return query('SELECT 1 AS one');
    });
    await expect(standing).rejects.toMatchObject({ name: 'DatabaseUnavailableError', tooSlow: true });
  });
});
