/** What executors announce and the store reads: job types and queues. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { JobTypeRepository } from '#common/database/job-type.repository.js';
import { Notifier } from '#common/database/notifications.js';
import { QueueRepository } from '#common/database/queue.repository.js';
import { uniqueName } from '../support/environment.js';
import { TestStore } from './support/database.js';

let store: TestStore;
let types: JobTypeRepository;

beforeAll(async () => {
  store = await TestStore.open();
  types = new JobTypeRepository(store.prisma);
});
afterAll(() => store.close());

const versions = () =>
  store.prisma.query<{ type: string; version: string }>(
    `SELECT type, xmin::text AS version FROM job_types ORDER BY type`,
  );

test('types are announced once, however many executors do it at the same time', async () => {
  const announcement = [
    { type: 'b', payloadSchema: { type: 'object' } },
    { type: 'a', payloadSchema: { type: 'string' } },
  ];
  await Promise.all(Array.from({ length: 6 }, () => types.announce(announcement)));
  expect((await types.list()).map(({ type, payloadSchema }) => ({ type, payloadSchema }))).toEqual(
    announcement.toReversed(),
  );
});

test('announcing the same again writes nothing; a changed schema replaces the old one, and only that', async () => {
  await types.announce([
    { type: 'a', payloadSchema: { type: 'string', minLength: 1 } },
    { type: 'b', payloadSchema: {} },
  ]);
  const before = await versions();
  await types.announce([{ type: 'a', payloadSchema: { minLength: 1, type: 'string' } }]);
  expect(await versions()).toEqual(before);
  await types.announce([{ type: 'a', payloadSchema: { type: 'number' } }]);
  expect((await types.list())[0]).toMatchObject({ type: 'a', payloadSchema: { type: 'number' } });
  expect((await versions())[1]).toEqual(before[1]);
});

test('executors that announce in different orders do not deadlock', async () => {
  const list = Array.from({ length: 20 }, (_, n) => ({ type: `t${n}`, payloadSchema: {} }));
  const round = (version: number) =>
    [list, list.toReversed()].map((order) =>
      types.announce(order.map(({ type }) => ({ type, payloadSchema: { version } }))),
    );
  for (let version = 0; version < 25; version += 1) await Promise.all(round(version));
  expect(await types.list()).toHaveLength(22);
});

test('a queue comes into being with the first job that names it, once', async () => {
  const repositories = Array.from(
    { length: 4 },
    () => new QueueRepository(store.prisma, new Notifier(store.prisma)),
  );
  const name = uniqueName('queue');
  await Promise.all(repositories.map((queues) => queues.ensure(name)));
  await repositories[0]?.ensure(name);
  const known = (await repositories[1]?.drainPolicies()) ?? [];
  expect(known.filter((each) => each.name === name)).toEqual([{ name, drain: 'shared' }]);
});
