/** Transactions: what a deadlock undid is done anew, and errors that are not Postgres's stay what they are. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DatabaseUnavailableError } from '#common/database/database-errors.js';
import { LOOKUPS_ONLY, PrismaService, type Query } from '#common/database/prisma.service.js';
import { quiet, TestStore } from './support/database.js';

let store: TestStore;

beforeAll(async () => {
  store = await TestStore.open(4);
});
afterAll(() => store.close());

const lockJob = (query: Query, id: string) =>
  query('SELECT 1 AS one FROM jobs WHERE id = $1::uuid FOR UPDATE', id);

test('of two transactions that wait for each other both are done', async () => {
  const [one, other] = [await store.submit(), await store.submit()];
  // Each has locked its first job before either asks for its second one, the first time.
  let arrived = 0;
  let letGo: () => void = () => undefined;
  const bothHold = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let tries = 0;
  const both = (first: string, second: string) =>
    store.prisma.inTransaction(async (query) => {
      tries += 1;
      await lockJob(query, first);
      arrived += 1;
      if (arrived === 2) letGo();
      await bothHold;
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
