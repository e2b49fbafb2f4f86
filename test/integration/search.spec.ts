/** Searching on a real Postgres: what each field finds, page after page, and that no search looks on for ever. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { JobSearchRepository } from '#common/database/job-search.repository.js';
import type { ListedJob } from '#common/database/job.repository.js';
import { JOB_STATES, type JobState, type NewJob } from '#common/domain/job.js';
import { parseJobQuery, type QueryTerm } from '#common/domain/job-query.js';
import { uniqueName } from '../support/environment.js';
import { newJob, TestStore } from './support/database.js';

let store: TestStore;
let queue: string;

beforeAll(async () => {
  store = await TestStore.open();
});
afterAll(() => store.close());
beforeEach(() => {
  queue = uniqueName('queue');
});

function terms(query: string): readonly QueryTerm[] {
  const parsed = parseJobQuery(query);
  if ('fault' in parsed) throw new Error(parsed.fault.message);
  return parsed.terms;
}

async function search(query: string, limit = 50, before?: string): Promise<ListedJob[]> {
  const filter = { terms: terms(`queue:${queue} ${query}`), queuePatterns: null };
  return (await store.search.page(filter, before, limit, Infinity)).jobs;
}

const found = async (query: string) => (await search(query)).map(({ name }) => name);
const add = (name: string, changes: Partial<NewJob> = {}) => store.submit({ queue, name, ...changes });

test('each field finds what has it, and all of several only what has them all', async () => {
  const one = await add('one', { type: 'mail', tags: ['a b', 'x'], uniqueKey: uniqueName('key') });
  await add('two', { type: 'mail', payload: { to: 'ann' } });
  await add('three', { type: 'print', tags: ['x'] });
  expect(await found('')).toEqual(['three', 'two', 'one']);
  expect(await found('type:mail')).toEqual(['two', 'one']);
  expect(await found('tag:x')).toEqual(['three', 'one']);
  expect(await found('tag:"a b" tag:x type:mail')).toEqual(['one']);
  expect(await found('name:E')).toEqual(['three', 'one']);
  expect(await found(`key:${one.uniqueKey}`)).toEqual(['one']);
  expect(await found(`id:${one.id}`)).toEqual(['one']);
  expect(await found(`id:${one.id} type:print`)).toEqual([]);
  expect(await found(`workflow:${one.id}`)).toEqual([]);
  expect(await found('state:dead')).toEqual([]);
  expect(await found('state:dead state:scheduled')).toEqual([]);
});

test('a payload is looked into by path, for texts and for what else JSON has', async () => {
  const payload = {
    customer: { id: 42, 'odd. name': '42' },
    list: [{ ok: true }, null],
    text: 'a "b"\n%_\\',
  };
  await add('it', { payload });
  for (const query of [
    'payload.customer.id:42',
    'payload.customer.id:42.0',
    'payload.customer."odd. name":42',
    'payload.customer."odd. name":"42"',
    'payload.list.0.ok:true',
    'payload.list.1:null',
    'payload.text:"a \\"b\\"\n%_\\\\"',
  ])
    expect([query, await found(query)]).toEqual([query, ['it']]);
  for (const query of [
    'payload.customer.id:"42"',
    'payload.customer.id:4',
    'payload.customer:42',
    'payload.none:null',
    'payload.customer.id:1e999999',
    `payload.customer.id:${'9'.repeat(200)}`,
    "payload.x':y",
  ])
    expect([query, await found(query)]).toEqual([query, []]);
});

test('words are found wherever they stand, as they are and not as patterns', async () => {
  await add('Nightly Report', { type: 'mail', tags: ['Billing'] });
  await add('100%', { payload: { message: 'disk "full" at C:\\temp', Üben: 'Ärger' } });
  expect(await found('nightly')).toEqual(['Nightly Report']);
  expect(await found('REPORT billing mail')).toEqual(['Nightly Report']);
  expect(await found('"disk \\"FULL\\" at c:\\\\temp"')).toEqual(['100%']);
  expect(await found('message')).toEqual(['100%']);
  expect(await found('%')).toEqual(['100%']);
  expect(await found('d_sk')).toEqual([]);
  expect(await found('Ärger')).toEqual(['100%']);
  expect(await found("'; DROP TABLE jobs; --")).toEqual([]);
});

/** Puts a job into a state by hand; the constraints of the table hold. */
async function put(name: string, state: JobState): Promise<void> {
  const { id } = await add(name);
  const ended = ['succeeded', 'dead', 'cancelled', 'expired'].includes(state);
  await store.turnClock(
    'jobs',
    id,
    `state = '${state}', finished_at = ${ended ? 'now()' : 'NULL'},
     queued_at = ${['queued', 'running'].includes(state) ? 'now()' : 'NULL'},
     executor_id = ${state === 'running' ? 'id' : 'NULL'}, deadline = ${state === 'running' ? 'now()' : 'NULL'}`,
  );
}

test('each state is found, alone and with each other one, though all else be in the way', async () => {
  for (const state of JOB_STATES) await put(state, state);
  // More than one step looks at, so that those come by way of an index or not at all.
  const crowd = Array.from({ length: 5000 }, () => newJob({ queue, name: 'crowd' }));
  for (let from = 0; from < crowd.length; from += 1000)
    await store.jobs.insertTogether(crowd.slice(from, from + 1000));
  for (const [index, state] of JOB_STATES.entries()) {
    expect(await found(`state:${state} name:${state}`)).toEqual([state]);
    for (const other of JOB_STATES.slice(index + 1)) {
      const filter = terms(`queue:${queue} state:${state},${other}`);
      const jobs = await store.search.page(
        { terms: filter, queuePatterns: null },
        undefined,
        10_000,
        Infinity,
      );
      const names = jobs.jobs.map(({ name }) => name).filter((name) => name !== 'crowd');
      expect(names).toEqual([other, state]);
    }
  }
});

test('a rare state is answered at once and as a whole, whatever else there is', async () => {
  await put('rare', 'running');
  await store.jobs.insertTogether(Array.from({ length: 5000 }, () => newJob({ queue })));
  for (const [state, expected] of [
    ['running', ['rare']],
    ['expired,cancelled', []],
    ['queued', []],
  ] as const) {
    const filter = { terms: terms(`queue:${queue} state:${state}`), queuePatterns: null };
    const answer = await store.search.page(filter, undefined, 10, 0);
    expect([answer.complete, answer.nextBefore]).toEqual([true, undefined]);
    expect(answer.jobs.map(({ name }) => name)).toEqual(expected);
  }
});

test('a search that is out of time says how far back it looked, and goes on from there to the same end', async () => {
  await add('needle', { type: 'rare' });
  await store.jobs.insertTogether(Array.from({ length: 9000 }, () => newJob({ queue })));
  await add('needle', { type: 'rare' });
  const filter = { terms: terms(`queue:${queue} type:rare`), queuePatterns: null };
  const names: (string | null)[] = [];
  let pages = 0;
  let before: string | undefined;
  do {
    const answer = await store.search.page(filter, before, 10, 0);
    names.push(...answer.jobs.map(({ name }) => name));
    // Only an answer that is not complete may have fewer jobs than asked for and a place to go on.
    expect(answer.complete).toBe(answer.nextBefore === undefined);
    before = answer.nextBefore;
    pages += 1;
  } while (before !== undefined);
  expect(names).toEqual(['needle', 'needle']);
  expect(pages).toBeGreaterThan(2);
});

test('pages of a search have each job once, and none twice, by every way to it', async () => {
  await store.jobs.insertTogether(
    Array.from({ length: 23 }, (_, n) => newJob({ queue, tags: ['t'], name: `${n}` })),
  );
  const all = (await search('')).map(({ id }) => id);
  for (const query of ['', 'tag:t', 'state:scheduled', 'state:scheduled,dead']) {
    const seen: string[] = [];
    let before: string | undefined;
    do {
      const filter = { terms: terms(`queue:${queue} ${query}`), queuePatterns: null };
      const page = await store.search.page(filter, before, 5);
      seen.push(...page.jobs.map(({ id }) => id));
      before = page.nextBefore;
    } while (before !== undefined);
    expect(seen).toEqual(all);
  }
});

test('who is limited to some queues finds nothing in others', async () => {
  await add('mine');
  const all: JobSearchRepository = store.search;
  const filter = { terms: terms('name:mine'), queuePatterns: ['nobody\\_%'] };
  expect((await all.page(filter, undefined, 10, Infinity)).jobs).toEqual([]);
  const own = await all.page({ ...filter, queuePatterns: [`${queue}%`] }, undefined, 10, Infinity);
  expect(own.jobs.map(({ name }) => name)).toEqual(['mine']);
});

test('a start leaves the indexes of states alone: it stays a HOT update', async () => {
  const rows = await store.prisma.query<{ indexdef: string }>(
    `SELECT indexdef FROM pg_indexes WHERE tablename = 'jobs' AND indexdef ~ '\\ystate\\y'`,
  );
  expect(rows).toEqual([]);
});
