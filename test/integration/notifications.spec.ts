/** Hints over LISTEN/NOTIFY: they arrive, they are not repeated needlessly, and their loss is healed. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { HintListener, Notifier } from '#common/database/notifications.js';
import { withPostgres } from '#tools/sql.js';
import { eventually } from '../support/eventually.js';
import { quiet, TestStore } from './support/database.js';

let store: TestStore;
let notifier: Notifier;
let listener: HintListener;
let heard: string[];

beforeAll(async () => {
  store = await TestStore.open();
  notifier = new Notifier(store.prisma);
});
afterAll(() => store.close());

beforeEach(async () => {
  heard = [];
  listener = new HintListener({ DATABASE_URL: store.url, PG_MAX_CONNS: 2 }, quiet);
  for (const hint of ['work', 'types', 'queues', 'listening'] as const)
    listener.on(hint, () => heard.push(hint));
  listener.on('cancel', (jobId) => heard.push(`cancel ${jobId}`));
  listener.onApplicationBootstrap();
  await eventually(() => heard.includes('listening'));
});
afterEach(() => listener.onApplicationShutdown());

const terminateListener = () =>
  withPostgres(store.url, (admin) =>
    admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'triumvir-hints' AND datname = current_database()`,
    ),
  );

test('each kind of hint arrives, a cancellation with the id of its job', async () => {
  notifier.send('work');
  notifier.send('types');
  notifier.send('queues');
  notifier.send('cancel', 'j1');
  await eventually(() => heard.length === 5);
  expect(heard.toSorted()).toEqual(['cancel j1', 'listening', 'queues', 'types', 'work']);
});

test('hints that wait are sent once, however often they were given; different jobs are different hints', async () => {
  for (let n = 0; n < 500; n += 1) {
    notifier.send('work');
    notifier.send('cancel', `j${n % 2}`);
  }
  notifier.send('queues');
  await eventually(() => heard.includes('queues'));
  expect(heard.filter((hint) => hint === 'work').length).toBeLessThanOrEqual(2);
  expect(new Set(heard.filter((hint) => hint.startsWith('cancel')))).toEqual(
    new Set(['cancel j0', 'cancel j1']),
  );
});

test('a listener whose connection was ended listens again, says so, and hears what follows', async () => {
  for (let time = 2; time <= 3; time += 1) {
    await terminateListener();
    await eventually(() => heard.filter((hint) => hint === 'listening').length === time);
    notifier.send('work');
    await eventually(() => heard.filter((hint) => hint === 'work').length === time - 1);
  }
});

test('what others write into the channel harms nobody', async () => {
  await withPostgres(store.url, async (admin) => {
    for (const payload of ['', 'nonsense', 'listening', 'error', 'cancel', ':', '__proto__:x'])
      await admin.query(`SELECT pg_notify('triumvir', $1)`, [payload]);
  });
  notifier.send('work');
  await eventually(() => heard.includes('work'));
  expect(heard).toEqual(['listening', 'work']);
});

test('a hint that cannot be sent is dropped without an error', async () => {
  const broken = new Notifier({ query: () => Promise.reject(new Error('down')) } as never);
  broken.send('work');
  broken.send('work');
  notifier.send('types');
  await eventually(() => heard.includes('types'));
  expect(heard).not.toContain('work');
});

test('a listener that was stopped leaves no connection behind', async () => {
  listener.onApplicationShutdown();
  await eventually(() =>
    withPostgres(store.url, async (admin) => {
      const { rowCount } = await admin.query(
        `SELECT 1 FROM pg_stat_activity WHERE application_name = 'triumvir-hints' AND datname = current_database()`,
      );
      return rowCount === 0;
    }),
  );
});
