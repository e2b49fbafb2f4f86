/** Watching single jobs: every step, once, in order, whatever becomes of hints, connections and recordings; and no leak. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { EventRepository } from '#common/database/event.repository.js';
import type { Fence } from '#common/database/leader-epochs.js';
import { HintListener } from '#common/database/notifications.js';
import { LOOKUPS_ONLY, PrismaService } from '#common/database/prisma.service.js';
import { decideUnfailed } from '#common/domain/outcome.js';
import type { Job } from '#common/domain/job.js';
import { EventFeed } from '../../apps/store-service/src/events/event-feed.js';
import { JobWatcher } from '../../apps/store-service/src/events/job-watcher.js';
import { eventually } from '../support/eventually.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { GRACE_MS, quiet, TestStore } from './support/database.js';

const WHOLE = ['scheduled', 'queued', 'running', 'succeeded'];

let store: TestStore;
let proxy: TcpProxy;
let database: PrismaService;
let hints: HintListener;
let feed: EventFeed;
let watcher: JobWatcher;
let executor: string;
let leader: Fence;

beforeAll(async () => {
  store = await TestStore.open();
  const url = new URL(store.url);
  proxy = await TcpProxy.to(Number(url.port));
  url.port = String(proxy.port);
  database = new PrismaService(
    { DATABASE_URL: url.href, PG_MAX_CONNS: 3 },
    'triumvir-test',
    quiet,
    LOOKUPS_ONLY,
  );
  executor = await store.executor();
  leader = await store.lead();
});
afterAll(async () => {
  await database?.onApplicationShutdown();
  await proxy?.close();
  await store?.close();
});
beforeEach(() => {
  const events = new EventRepository(database);
  hints = new HintListener({ DATABASE_URL: store.url, PG_MAX_CONNS: 2 }, quiet);
  feed = new EventFeed(events, hints, quiet);
  watcher = new JobWatcher(feed, events);
  feed.onApplicationBootstrap();
});
afterEach(() => {
  feed.onApplicationShutdown();
  hints.onApplicationShutdown();
  proxy.heal();
});

/** What somebody who watches is told. */
class Watch {
  readonly told: Job[] = [];
  readonly #stop = new AbortController();
  readonly ended: Promise<void>;

  constructor(readonly id: string) {
    this.ended = this.#run();
  }

  get states(): string[] {
    return this.told.map(({ state }) => state);
  }

  cancel(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    for await (const job of watcher.watch(this.id, this.#stop.signal)) this.told.push(job);
  }
}

async function watching(id: string): Promise<Watch> {
  const watch = new Watch(id);
  await eventually(() => watch.told.length > 0);
  return watch;
}

/** Takes the one job of a queue through all its states. */
async function run({ id, queue }: Job): Promise<void> {
  const claimed = await store.claim(leader, { [queue]: 1 });
  if (claimed === 'fenced' || claimed.length !== 1) throw new Error('the job was not claimed');
  await start(id);
  await finish(id);
}
async function start(id: string): Promise<void> {
  const { delivery } = await store.job(id);
  await store.runs.start(executor, [{ jobId: id, delivery }], GRACE_MS);
}
async function finish(id: string): Promise<void> {
  const { delivery, attempt } = await store.job(id);
  const decision = decideUnfailed({ kind: 'succeeded', result: { n: 1 } });
  await store.runs.finish([{ jobId: id, delivery, attempt, executorId: executor, decision, output: [] }]);
}
const submit = (queue: string) => store.submit({ queue });

describe('one who watches a job', () => {
  test('is told how it is, and then every step, however quickly they follow each other, to the end', async () => {
    const job = await submit('steps');
    const watch = await watching(job.id);
    await run(job);
    await watch.ended;
    expect(watch.states).toEqual(WHOLE);
    const [, queued, running, succeeded] = watch.told;
    expect(queued).toMatchObject({ delivery: 1, attempt: 0, finishedAt: null, result: null });
    expect(running).toMatchObject({ attempt: 1, startedAt: expect.any(Date) as Date, finishedAt: null });
    expect(succeeded).toEqual(await store.job(job.id));
  });

  test('that has ended is told that, and no more', async () => {
    const job = await submit('ended');
    await run(job);
    const watch = await watching(job.id);
    await watch.ended;
    expect(watch.states).toEqual(['succeeded']);
  });

  test('is told each step once, whenever in its life the watching begins', async () => {
    const anybody = await watching((await submit('first')).id);
    const jobs = await Promise.all(Array.from({ length: 40 }, (_, n) => submit(`midst-${n}`)));
    const watches: Watch[] = [];
    for (const job of jobs) {
      const running = run(job);
      watches.push(new Watch(job.id), new Watch(job.id));
      await Promise.race([running, watches.at(-1)?.ended]);
      watches.push(new Watch(job.id));
      await running;
    }
    await Promise.all(watches.map(({ ended }) => ended));
    for (const { states } of watches) expect(states).toEqual(WHOLE.slice(WHOLE.length - states.length));
    expect(watches.some(({ states }) => states.length > 2)).toBe(true);
    anybody.cancel();
  });

  test('hears that its cancel is asked for', async () => {
    const job = await submit('cancelled');
    const watch = await watching(job.id);
    await store.claim(leader, { cancelled: 1 });
    await start(job.id);
    await store.jobs.cancel(job.id);
    await eventually(() => watch.told.length === 4);
    expect(watch.told[2]).toMatchObject({ state: 'running', cancelRequestedAt: null });
    expect(watch.told[3]).toMatchObject({ state: 'running', cancelRequestedAt: expect.any(Date) as Date });
    watch.cancel();
  });
});

describe('nothing is missed', () => {
  test('when no hint arrives', async () => {
    // Nobody listens for hints here.
    const job = await submit('unheard');
    const watch = await watching(job.id);
    await run(job);
    await watch.ended;
    expect(watch.states).toEqual(WHOLE);
  });

  test('while the store cannot reach Postgres', async () => {
    const job = await submit('cut');
    const watch = await watching(job.id);
    proxy.refuse();
    await run(job);
    expect(watch.states).toEqual(['scheduled']);
    proxy.heal();
    await watch.ended;
    expect(watch.states).toEqual(WHOLE);
    expect(watch.told.at(-1)).toEqual(await store.job(job.id));
  });
});

test('after an interrupted recording it is told how the job is, and what follows', async () => {
  hints.onApplicationBootstrap();
  const job = await submit('interrupted');
  const watch = await watching(job.id);
  await store.prisma.query(`TRUNCATE event_demand, job_events`);
  await store.claim(leader, { interrupted: 1 });
  await eventually(() => watch.states.includes('queued'));
  await start(job.id);
  await finish(job.id);
  await watch.ended;
  expect(watch.states).toEqual(WHOLE);
});

test('the state is told at once, even where a long statement delays the recording', async () => {
  await store.prisma.query(`TRUNCATE event_demand, job_events`);
  const job = await submit('delayed');
  await store.prisma.$transaction(async (transaction) => {
    await transaction.$executeRawUnsafe(`UPDATE jobs SET name = 'x' WHERE id = '${executor}'`);
    await transaction.$queryRawUnsafe(`SELECT pg_current_xact_id()::text`);
    const watch = await watching(job.id);
    expect(watch.states).toEqual(['scheduled']);
    expect(feed.isReading).toBe(false);
    watch.cancel();
    await watch.ended;
  });
});

test('those who no longer watch leave nothing behind, and then nothing is read any more', async () => {
  const jobs = await Promise.all(Array.from({ length: 50 }, () => submit('left')));
  const watches = await Promise.all([...jobs, ...jobs].map(({ id }) => watching(id)));
  expect(watcher.watched).toBe(50);
  for (const watch of watches) watch.cancel();
  await Promise.all(watches.map(({ ended }) => ended));
  expect(watcher.watched).toBe(0);
  await eventually(() => !feed.isReading);
});

test('those who leave while Postgres is away are not kept', async () => {
  const watch = await watching((await submit('away')).id);
  proxy.refuse();
  const others = Array.from({ length: 20 }, () => new Watch(watch.id));
  await Promise.all(others.map(({ ended }) => expect(ended).rejects.toThrow('Postgres')));
  watch.cancel();
  await watch.ended;
  expect(watcher.watched).toBe(0);
});
