/** Events reach readers all, once, and in the order of each job, whatever transactions wrote them and in what order these commit. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { EventRepository } from '#common/database/event.repository.js';
import { withPostgres } from '#tools/sql.js';
import { eventually } from '../support/eventually.js';
import { attemptsOf, CHANGE, forget, Reader, record } from './support/events.js';
import { TestStore } from './support/database.js';

let store: TestStore;
let events: EventRepository;

beforeAll(async () => {
  store = await TestStore.open(12);
  events = new EventRepository(store.prisma);
});
afterAll(() => store.close());
beforeEach(() => record(events));

const makeJobs = async (count: number) =>
  (await Promise.all(Array.from({ length: count }, () => store.submit({ maxAttempts: 100 })))).map(
    ({ id }) => id,
  );

/** Two connections in transactions of their own. */
async function inTransactions(visit: (a: Session, b: Session) => Promise<void>): Promise<void> {
  await withPostgres(store.url, (a) =>
    withPostgres(store.url, async (b) => {
      await a.query('BEGIN');
      await b.query('BEGIN');
      await visit(a, b);
    }),
  );
}
type Session = { query: (sql: string, values?: unknown[]) => Promise<unknown> };

const waits = () =>
  eventually(async () => {
    const rows = await store.prisma.query(
      `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
    );
    return rows.length > 0;
  });

test('a transaction that began first and changes a job last is told last', async () => {
  const [x = '', y = ''] = await makeJobs(2);
  const atOnce = new Reader(events);
  const late = new Reader(events);
  await atOnce.read();
  await late.read();
  await inTransactions(async (a, b) => {
    // a has the lower id of the two transactions, and waits for b.
    await a.query(CHANGE, [[x]]);
    await b.query(CHANGE, [[y]]);
    expect(await atOnce.read()).toEqual([]);
    const blocked = a.query(CHANGE, [[y]]);
    await waits();
    await b.query('COMMIT');
    await blocked;
    expect((await atOnce.read()).map(({ jobId, attempt }) => [jobId, attempt])).toEqual([[y, 1]]);
    await a.query('COMMIT');
  });
  await atOnce.read();
  await late.read();
  for (const reader of [atOnce, late]) {
    expect(Object.fromEntries(attemptsOf(reader.seen))).toEqual({ [x]: [1], [y]: [1, 2] });
  }
});

test('an event that is committed late is not skipped by those who have read later ones', async () => {
  const [x = '', y = ''] = await makeJobs(2);
  const reader = new Reader(events);
  await reader.read();
  await inTransactions(async (a, b) => {
    await a.query(CHANGE, [[x]]);
    await b.query(CHANGE, [[y]]);
    await b.query('COMMIT');
    expect((await reader.read()).map(({ jobId }) => jobId)).toEqual([y]);
    await a.query('COMMIT');
    expect((await reader.read()).map(({ jobId }) => jobId)).toEqual([x]);
  });
});

test('a transaction of others that stays open holds nothing up', async () => {
  const [x = ''] = await makeJobs(1);
  const reader = new Reader(events);
  await inTransactions(async (a) => {
    await a.query('CREATE TABLE of_others (n int)');
    await reader.read();
    await store.prisma.query(CHANGE, [x]);
    expect((await reader.read()).map(({ jobId }) => jobId)).toEqual([x]);
    expect(await reader.read()).toEqual([]);
  });
});

test('among writers that wait for each other every reader, wherever it goes on, sees each event once and in order', async () => {
  const jobs = await makeJobs(12);
  const changes = 40;
  const readers = [new Reader(events, 7), new Reader(events, 1000)] as const;
  for (const reader of readers) await reader.read();

  const writing = new AbortController();
  /** Several statements in one transaction, over jobs that other writers change too; always in one order, against deadlocks. */
  const write = async (writer: number) => {
    for (let n = 0; n < changes; n += 1) {
      const chosen = jobs.filter((_, index) => (index * 7 + n * 3 + writer) % 4 !== 0);
      await store.prisma.$transaction(async (transaction) => {
        const half = chosen.length / 2;
        for (const part of [chosen.slice(0, half), chosen.slice(half)])
          await transaction.$queryRawUnsafe(CHANGE, part);
      });
    }
  };
  const read = async (reader: Reader) => {
    while (!writing.signal.aborted) await reader.read();
    await reader.read();
  };
  const reading = Promise.all(readers.map(read));
  await Promise.all([0, 1, 2].map(write));
  writing.abort();
  await reading;

  const attempts = new Map(
    await Promise.all(jobs.map(async (id) => [id, (await store.job(id)).attempt] as const)),
  );
  const complete = Object.fromEntries(
    [...attempts].map(([id, count]) => [id, Array.from({ length: count }, (_, n) => n + 1)]),
  );
  const [paging] = readers;
  for (const reader of readers) expect(Object.fromEntries(attemptsOf(reader.seen))).toEqual(complete);

  // Whoever goes on from where another reader was, sees exactly the rest.
  for (let at = 0; at < paging.seen.length; at += 31) {
    const position = paging.positions[at];
    if (position === undefined) throw new Error('no position');
    const second = new Reader(events);
    second.seen.push(...paging.seen.slice(0, at + 1));
    await second.resume(position);
    await second.read();
    expect(Object.fromEntries(attemptsOf(second.seen))).toEqual(complete);
  }
});

test('a recording is complete only when every statement from before it has ended', async () => {
  await forget(store);
  const [x = ''] = await makeJobs(1);
  await withPostgres(store.url, async (old) => {
    await old.query(`SET application_name = 'triumvir-old'`);
    await old.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await old.query('SELECT 1 FROM jobs LIMIT 1');
    const recording = await events.want();
    expect(recording.complete).toBe(false);
    expect(await events.complete(recording)).toBe(false);
    // It has not seen that events are wanted, and so does not tell of its change.
    await old.query(CHANGE, [[x]]);
    expect(await events.complete(recording)).toBe(false);
    expect((await events.readSince(undefined, 1)).generation).toBeUndefined();
    await old.query('COMMIT');
    await eventually(() => events.complete(recording));
    expect((await events.readSince(undefined, 1)).generation).toBe(recording.generation);
  });
  expect(await store.prisma.query(`SELECT 1 FROM job_events WHERE job_id = $1::uuid`, x)).toEqual([]);
});

test('a recording that has lapsed, or nearly, is a new one when it is wanted again', async () => {
  const first = await events.want();
  expect((await events.want()).generation).toBe(first.generation);
  await store.prisma.query(`UPDATE event_demand SET until = now() + interval '30 seconds'`);
  const second = await events.want();
  expect(second.generation).toBeGreaterThan(first.generation);
  expect(second.complete).toBe(false);
});
