/** What a store does between the table of events and its clients: who is slow, who is cut short, and when it looks. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { EventRepository } from '#common/database/event.repository.js';
import { HintListener } from '#common/database/notifications.js';
import { parseEventId } from '#common/domain/event-position.js';
import { Semaphore } from '#common/runtime/semaphore.js';
import { EventFeed } from '../../apps/store-service/src/events/event-feed.js';
import { EventListener } from '../../apps/store-service/src/events/event-listener.js';
import type { EventStream } from '../../apps/store-service/src/http/event-stream.js';
import { eventually } from '../support/eventually.js';
import { newJob, quiet, TestStore } from './support/database.js';

let store: TestStore;
let events: EventRepository;
let hints: HintListener;
let feed: EventFeed;
let release: () => void;

beforeAll(async () => {
  store = await TestStore.open();
  events = new EventRepository(store.prisma);
});
afterAll(() => store.close());
beforeEach(() => {
  hints = new HintListener({ DATABASE_URL: store.url, PG_MAX_CONNS: 2 }, quiet);
  hints.onApplicationBootstrap();
  feed = new EventFeed(events, hints, quiet);
  feed.onApplicationBootstrap();
  release = feed.use();
});
afterEach(() => {
  release();
  feed.onApplicationShutdown();
  hints.onApplicationShutdown();
});

/** A client that reads when the test lets it. */
class Client {
  text = '';
  isFull = false;
  readonly #left = new AbortController();
  readonly signal = this.#left.signal;
  currentId: (() => string | undefined) | undefined;
  #resume: (() => void) | undefined;

  send(text: string | Buffer): void {
    this.text += text.toString();
  }
  async drained(): Promise<void> {
    if (this.isFull) await new Promise<void>((resolve) => (this.#resume = resolve));
  }
  readOn(): void {
    this.isFull = false;
    this.#resume?.();
  }
  leave(): void {
    this.#left.abort();
    this.#resume?.();
  }
  get jobs(): string[] {
    return [...this.text.matchAll(/"jobId":"([^"]+)"/g)].map(([, id]) => id ?? '');
  }
  get lastId(): string {
    return [...this.text.matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? '';
  }
  async serve(lastEventId?: string): Promise<void> {
    const listener = new EventListener(this as unknown as EventStream, {}, feed, events, new Semaphore(2));
    const serving = listener.serve(
      lastEventId === undefined ? undefined : parseEventId(lastEventId),
      async () => ({}),
    );
    void serving;
    await eventually(() => this.text.includes('event: listening'));
  }
}

const submit = async (count: number) =>
  (await store.jobs.insertTogether(Array.from({ length: count }, () => newJob())))
    .map(({ id }) => id)
    .toSorted();

test('a client that is full is given nothing until it has read, and then all, more than one page, once', async () => {
  const [slow, quick] = [new Client(), new Client()];
  await slow.serve();
  await quick.serve();
  const first = await submit(3);
  await eventually(() => slow.jobs.length === 3);
  slow.isFull = true;
  // Each of these tells it that there is something; the first one is what it is full with.
  const rest: string[] = [];
  for (let n = 0; n < 6; n += 1) rest.push(...(await submit(1000)));
  await eventually(() => quick.jobs.length === 6003);
  expect(slow.jobs.length).toBeLessThan(3 + 3000);
  slow.readOn();
  await eventually(() => slow.jobs.length >= 6003);
  expect(slow.jobs.toSorted()).toEqual([...first, ...rest].toSorted());
  expect(quick.jobs.toSorted()).toEqual(slow.jobs.toSorted());
  // From there on it is served like everybody else.
  const [last] = await submit(1);
  await eventually(() => slow.jobs.at(-1) === last);
  for (const client of [slow, quick]) client.leave();
});

test('a client that comes back is told what it has missed, and then what happens', async () => {
  const before = new Client();
  await before.serve();
  await submit(2);
  await eventually(() => before.jobs.length === 2);
  before.leave();
  const missed = await submit(2500);
  const after = new Client();
  await after.serve(before.lastId);
  await eventually(() => after.jobs.length === 2500);
  expect(after.jobs.toSorted()).toEqual(missed);
  const [next] = await submit(1);
  await eventually(() => after.jobs.at(-1) === next);
  expect(after.jobs).toHaveLength(2501);
  after.leave();
});

test('an interruption of the database costs no event', async () => {
  const client = new Client();
  await client.serve();
  const jobs = await submit(10);
  await store.prisma.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'triumvir%'`,
  );
  for (let n = 0; n < 5; n += 1) {
    jobs.push(...(await eventually(() => submit(10))));
  }
  await eventually(() => client.jobs.length >= jobs.length);
  expect(client.jobs.toSorted()).toEqual(jobs.toSorted());
  expect(client.text).not.toContain('event: gap');
  client.leave();
});

test('under load readers ask for no hints, and when it is quiet again they do', async () => {
  const client = new Client();
  await client.serve();
  const hinting = async () => (await events.readSince(undefined, 1)).hinting;
  let submitted = 0;
  await eventually(async () => {
    for (let n = 0; n < 20; n += 1) submitted += (await submit(1)).length;
    return !(await hinting());
  });
  await eventually(() => hinting());
  await submit(1);
  await eventually(() => client.jobs.length === submitted + 1);
  client.leave();
});

test('when nobody listens any more nothing is read', async () => {
  const client = new Client();
  await client.serve();
  client.leave();
  release();
  await eventually(() => feed.position === undefined);
  release = feed.use();
});
