/** Output that is followed while it is written: at once, each byte once, from every store, to the end of each attempt. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withPostgres } from '#tools/sql.js';
import { ApiClient } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { EventSourceClient, type Message } from '../support/event-source.js';
import { uniqueName } from '../support/environment.js';
import { eventually } from '../support/eventually.js';

let cluster: Cluster;
let stores: string[];
let api: ApiClient;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'triumvir-follow-'));
  cluster = await startCluster({
    stores: 2,
    schedulers: 1,
    executors: 1,
    env: { EXECUTOR_LEASE_MS: '2000', EXECUTOR_OUTPUT_LIMIT_BYTES: '16384' },
  });
  stores = cluster.of('store').map(({ url }) => url);
  api = new ApiClient(stores);
});
afterAll(async () => {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Piece {
  readonly stream: string;
  readonly text: string;
  readonly omittedBytes?: number;
}

class Follower {
  readonly told: Message[] = [];
  readonly client = new EventSourceClient((message) => {
    this.told.push(message);
    this.onMessage(message);
  });
  onMessage: (message: Message) => void = () => undefined;

  open(id: string, store = 0, query = ''): Promise<void> {
    return this.client.open(`${stores[store]}/api/v1/jobs/${id}/output?follow=true${query}`);
  }
  get pieces(): Piece[] {
    return this.told.filter(({ event }) => event === 'output').map(({ data }) => data as Piece);
  }
  text(stream?: string): string {
    return this.pieces
      .filter((piece) => stream === undefined || piece.stream === stream)
      .map(({ text }) => text)
      .join('');
  }
  get events(): string[] {
    return this.told.filter(({ event }) => event !== 'output').map(({ event }) => event);
  }
  done(within = 20_000): Promise<unknown> {
    return eventually(() => this.events.at(-1) === 'done', { within });
  }
}

const command = (text: string, rest: object = {}) =>
  api.submit({ type: 'command', payload: { command: text }, ...rest });
const go = (name: string) => join(folder, name);
/** Waits, without taking the processor from others, until the test makes a file. */
const until = (name: string) => `while [ ! -e ${go(name)} ]; do sleep 0.02; done`;

test('what a running job writes is told within 200 ms, and its end with its state', async () => {
  const lines = 40;
  const clock = `node -e 'let n = 0; const t = setInterval(() => { console.log(Date.now()); if (++n === ${lines}) clearInterval(t); }, 40)'`;
  const { id } = await command(`${until('timed')}; ${clock}; echo bad >&2`);
  const follower = new Follower();
  const lateness: number[] = [];
  follower.onMessage = ({ event, data }) => {
    if (event !== 'output' || (data as Piece).stream !== 'out') return;
    const now = Date.now();
    for (const line of (data as Piece).text.trimEnd().split('\n')) lateness.push(now - Number(line));
  };
  await api.waitFor(id, ['running']);
  await follower.open(id);
  await writeFile(go('timed'), '');
  await follower.done();
  expect(lateness).toHaveLength(lines);
  // Nine of ten: the machine may be busy with something else for a moment.
  expect(lateness.toSorted((a, b) => a - b)[lines * 0.9 - 1]).toBeLessThan(200);
  expect(follower.text('err')).toBe('bad\n');
  expect(follower.events).toEqual(['attempt', 'end', 'done']);
  expect(follower.told.at(-1)?.data).toEqual({ state: 'succeeded' });
  await eventually(() => !follower.client.isOpen);
});

test('whoever comes later, at another store, is told everything from the first byte on', async () => {
  const { id } = await command(`echo one; ${until('late-1')}; echo two; ${until('late-2')}; echo three`);
  const [first, second] = [new Follower(), new Follower()];
  await first.open(id, 0);
  await eventually(() => first.text() === 'one\n');
  await writeFile(go('late-1'), '');
  await eventually(() => first.text() === 'one\ntwo\n');
  await second.open(id, 1);
  await eventually(() => second.text() === 'one\ntwo\n');
  await writeFile(go('late-2'), '');
  await Promise.all([first.done(), second.done()]);
  for (const follower of [first, second]) expect(follower.text()).toBe('one\ntwo\nthree\n');
});

test('whoever comes back, at another store and in the midst of a character, is told exactly the rest', async () => {
  const steps = Array.from(
    { length: 6 },
    (_, n) => `${until(`back-${n}`)}; printf '<${n} \\342\\202'; printf '\\254>'`,
  );
  // It does not end before its last follower has left, who would otherwise have had everything.
  const { id } = await command([...steps, until('back-end')].join('; '));
  let told = '';
  let lastEventId = '';
  for (let n = 0; n < 6; n += 1) {
    const follower = new Follower();
    follower.client.lastEventId = lastEventId;
    await follower.open(id, n % 2);
    await writeFile(go(`back-${n}`), '');
    await eventually(() => follower.text().includes(`${n} €>`));
    follower.client.close();
    lastEventId = follower.client.lastEventId;
    told += follower.text();
  }
  expect(told).toBe('<0 €><1 €><2 €><3 €><4 €><5 €>');
  await writeFile(go('back-end'), '');
  const job = await api.waitFor(id);
  expect(job.state).toBe('succeeded');
  const rest = new Follower();
  rest.client.lastEventId = lastEventId;
  await rest.open(id, 1);
  await rest.done();
  expect(rest.text()).toBe('');
});

test('a job is followed through its attempts, from before the first to the last', async () => {
  const { id } = await command('echo "attempt $JOB_ATTEMPT"; test $JOB_ATTEMPT -eq 3', {
    delay: '300ms',
    retry: { strategy: 'fixed', delay: '100ms' },
  });
  const follower = new Follower();
  await follower.open(id);
  await follower.done();
  expect(follower.text()).toBe('attempt 1\nattempt 2\nattempt 3\n');
  expect(follower.events).toEqual(['attempt', 'end', 'attempt', 'end', 'attempt', 'end', 'done']);
  const one = new Follower();
  await one.open(id, 1, '&attempt=2');
  await one.done();
  expect(one.text()).toBe('attempt 2\n');
});

test('a job that has ended is told from what was kept, and who has had everything is told to stay away', async () => {
  const { id } = await command('echo out; echo err >&2');
  await api.waitFor(id);
  const follower = new Follower();
  await follower.open(id);
  await follower.done();
  expect([follower.text('out'), follower.text('err')]).toEqual(['out\n', 'err\n']);
  await follower.open(id);
  expect(follower.client.status).toBe(204);
});

test('of more than is kept a follower who keeps up loses nothing, and one who comes late learns how much', async () => {
  const total = 20 * 6400;
  const some = `head -c 6400 /dev/zero | tr '\\0' x; sleep 0.1`;
  const { id } = await command(`for n in $(seq 20); do ${some}; done; ${until('much')}`);
  const [first, late] = [new Follower(), new Follower()];
  await first.open(id);
  await eventually(() => first.text().length === total, { within: 20_000 });
  expect(first.pieces.some(({ omittedBytes }) => omittedBytes !== undefined)).toBe(false);
  await late.open(id, 1);
  const seen = () =>
    late.pieces.reduce((sum, { text, omittedBytes = 0 }) => sum + text.length + omittedBytes, 0);
  await eventually(() => seen() === total);
  expect(late.pieces.some(({ omittedBytes = 0 }) => omittedBytes > 0)).toBe(true);
  await writeFile(go('much'), '');
  await Promise.all([first.done(), late.done()]);
  expect(first.text().length).toBe(total);
});

test('what a worker outside appends is told while it runs, each piece once', async () => {
  const type = uniqueName('type');
  // Each store knows of it before the job comes.
  for (const url of stores) await new ApiClient([url]).request('PUT', `/api/v1/types/${type}`, {});
  const { id } = await api.submit({ type });
  const { body } = await api.request<{ leases: { leaseToken: string }[] }>('POST', '/api/v1/leases', {
    types: [type],
    worker: 'w',
    wait: '5s',
  });
  const leaseToken = body.leases[0]?.leaseToken;
  const say = (action: string, text: string) =>
    api.request('POST', `/api/v1/leases/${id}/${action}`, { leaseToken, output: [{ text }] });
  const [first, second] = [new Follower(), new Follower()];
  await first.open(id);
  await second.open(id, 1);
  await eventually(() => first.events.includes('attempt') && second.events.includes('attempt'));
  for (const text of ['one\n', 'two\n']) {
    await say('output', text);
    await eventually(() => first.text().endsWith(text) && second.text().endsWith(text));
  }
  await say('complete', 'three\n');
  await Promise.all([first.done(), second.done()]);
  for (const follower of [first, second]) expect(follower.text()).toBe('one\ntwo\nthree\n');
});

test('nothing is written down live of jobs that nobody follows', async () => {
  const count = () =>
    withPostgres(
      cluster.databaseUrl,
      async (client) => (await client.query('SELECT 1 FROM live_outputs')).rowCount,
    );
  const before = await count();
  await api.waitFor((await command('echo unfollowed')).id);
  expect(await count()).toBe(before);
});

test('when the executor dies the next attempt is followed on another one', async () => {
  const { id } = await command(`echo "attempt $JOB_ATTEMPT"; test $JOB_ATTEMPT -gt 1 || sleep 60`, {
    retry: { strategy: 'fixed', delay: '10ms' },
  });
  const follower = new Follower();
  await follower.open(id);
  await eventually(() => follower.text() === 'attempt 1\n');
  const [first] = cluster.of('executor');
  await cluster.add('executor');
  await first?.kill();
  await follower.done(30_000);
  expect(follower.text()).toBe('attempt 1\nattempt 2\n');
  expect(follower.events).toEqual(['attempt', 'end', 'attempt', 'end', 'done']);
});

test('a wrong question is told what is wrong', async () => {
  const { id } = await command('true');
  const follower = new Follower();
  follower.client.lastEventId = 'nonsense';
  await follower.open(id);
  expect(follower.client.status).toBe(400);
  for (const [path, status] of [
    [`${id}/output?follow=perhaps`, 400],
    [`${id}/output?follow=true&attempt=0`, 404],
    ['00000000-0000-7000-8000-000000000000/output?follow=true', 404],
  ] as const)
    expect((await api.request('GET', `/api/v1/jobs/${path}`)).status).toBe(status);
});
