/** Batches: many jobs in one request, each with its own result, or all of them or none. */
import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiClient, type ProblemAnswer } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { storeLog } from '../support/fuzzing.js';

let cluster: Cluster;
let api: ApiClient;

beforeAll(async () => {
  cluster = await startCluster();
  api = new ApiClient([cluster.url]);
});

afterAll(() => cluster?.stop());

interface BatchAnswer {
  readonly created: number;
  readonly existing: number;
  readonly rejected: number;
  readonly results: readonly Result[];
}

interface Result {
  readonly index: number;
  readonly id?: string;
  readonly created?: boolean;
  readonly error?: { readonly kind: string; readonly errors: readonly { readonly field: string }[] };
}

const print = (text: string, rest: object = {}) => ({ type: 'print', payload: { text }, ...rest });
const BATCH = '/api/v1/jobs/batch';
const NDJSON = 'application/x-ndjson';

async function countOf(queue: string): Promise<number> {
  const { body } = await api.request<{ jobs: unknown[] }>('GET', `/api/v1/jobs?queue=${queue}&limit=200`);
  return body.jobs.length;
}

test('2,500 jobs in one request are each answered in their order, and all of them run', async () => {
  const jobs = Array.from({ length: 2500 }, (_, index) => print(`${index}`));
  const { status, body } = await api.request<BatchAnswer>('POST', BATCH, { jobs });
  expect(status).toBe(200);
  expect(body).toMatchObject({ created: 2500, existing: 0, rejected: 0 });
  expect(body.results.map(({ index }) => index)).toEqual(jobs.map((_, index) => index));
  for (const index of [0, 1234, 2499])
    expect(await api.waitFor(body.results[index]?.id ?? '')).toMatchObject({
      state: 'succeeded',
      payload: { text: `${index}` },
    });
});

test('a command that takes ten minutes holds none of the quick jobs around it back', async () => {
  const quick = (count: number) => [
    ...Array.from({ length: count }, (_, index) => print(`${index}`)),
    ...Array.from({ length: count / 5 }, () => ({ type: 'command', payload: { command: 'true' } })),
  ];
  const slow = { type: 'command', payload: { command: 'sleep 600' }, timeout: '15m' };
  // The first quick ones teach that commands are quick, so that the slow one travels among others.
  const send = (jobs: readonly object[]) => api.request<BatchAnswer>('POST', BATCH, { jobs });
  const idsOf = ({ body }: { body: BatchAnswer }) => body.results.map(({ id = '' }) => id);
  const warm = idsOf(await send(quick(50)));
  for (const id of warm) await api.waitFor(id);

  const sent = idsOf(await send([...quick(400), slow, ...quick(400)]));
  const [slowId = ''] = sent.splice(480, 1);
  for (const id of sent) expect(await api.waitFor(id)).toMatchObject({ state: 'succeeded' });
  expect(await api.get(slowId)).toMatchObject({ state: 'running' });
  await api.request('POST', `/api/v1/jobs/${slowId}/cancel`);
  await api.waitFor(slowId, ['cancelled']);
});

test('what is wrong with one job is said of that job, and the others are stored', async () => {
  const { body } = await api.request<BatchAnswer>('POST', BATCH, {
    jobs: [print('a'), { type: 'nothing-runs-this' }, print('b', { priority: 17 }), 7, print('c')],
  });
  expect(body).toMatchObject({ created: 2, rejected: 3 });
  expect(body.results.map(({ error }) => error?.errors[0]?.field)).toEqual([
    undefined,
    'type',
    'priority',
    '',
    undefined,
  ]);
});

test('with atomic=true one wrong job keeps all of them out, and each wrong field is named with its place', async () => {
  const jobs = [
    print('a', { queue: 'whole' }),
    print('b', { queue: 'whole', priority: 17 }),
    print('c', { queue: 'whole', uniqueKey: 'k' }),
  ];
  const refused = await api.request<ProblemAnswer>('POST', `${BATCH}?atomic=true`, { jobs });
  expect(refused.status).toBe(422);
  expect(refused.body.errors?.map(({ field }) => field)).toEqual(['jobs.1.priority', 'jobs.2.uniqueKey']);
  expect(await countOf('whole')).toBe(0);

  const { status, body } = await api.request<BatchAnswer>('POST', `${BATCH}?atomic=true`, {
    jobs: jobs.slice(0, 1),
  });
  expect([status, body.created]).toEqual([200, 1]);
  expect(await countOf('whole')).toBe(1);
});

test.each(['false', 'true'])(
  'a batch that is repeated with its Idempotency-Key makes no second job (atomic=%s)',
  async (atomic) => {
    const queue = `repeated-${atomic}`;
    const jobs = [print('a', { queue }), print('b', { queue })];
    const headers = { 'idempotency-key': `batch-${atomic}` };
    const first = await api.request<BatchAnswer>('POST', `${BATCH}?atomic=${atomic}`, { jobs }, headers);
    const second = await api.request<BatchAnswer>('POST', `${BATCH}?atomic=${atomic}`, { jobs }, headers);
    expect(first.body).toMatchObject({ created: 2, existing: 0 });
    expect(second.body).toMatchObject({ created: 0, existing: 2 });
    expect(second.body.results.map(({ id }) => id)).toEqual(first.body.results.map(({ id }) => id));
    expect(await countOf(queue)).toBe(2);
  },
);

test('a batch can be sent as one JSON text a line', async () => {
  const send = (body: string) =>
    fetch(`${cluster.url}${BATCH}`, {
      method: 'POST',
      headers: { 'content-type': NDJSON },
      body,
    });
  const lines = [print('a'), print('b')].map((job) => JSON.stringify(job));
  const stored = await send(`${lines.join('\n')}\n\n`);
  expect([stored.status, await stored.json()]).toEqual([200, expect.objectContaining({ created: 2 })]);

  const broken = await send(`${lines[0]}\n{"type":\n`);
  const problem = (await broken.json()) as ProblemAnswer;
  expect([broken.status, problem.errors?.[0]]).toEqual([
    422,
    { field: 'line 2', message: 'is not valid JSON' },
  ]);
});

test('lines without a newline at the end are a batch too, and one that is empty is none', async () => {
  const send = async (body: string) => {
    const headers = { 'content-type': NDJSON };
    const response = await fetch(`${cluster.url}${BATCH}`, { method: 'POST', headers, body });
    return [response.status, (await response.json()) as BatchAnswer & ProblemAnswer] as const;
  };
  const line = JSON.stringify(print('a'));
  expect(await send(`${line}\r\n\r\n${line}`)).toMatchObject([200, { created: 2 }]);
  expect(await send('\n')).toMatchObject([422, { errors: [{ field: 'jobs' }] }]);
});

test('lines are no body for other routes', async () => {
  const headers = { 'content-type': NDJSON };
  const response = await fetch(`${cluster.url}/api/v1/jobs`, { method: 'POST', headers, body: '{}\n' });
  expect(response.status).toBe(415);
});

describe('a batch that is answered line by line', () => {
  const waiting = (queue: string, more: object = {}) => print('x', { queue, delay: '1h', ...more });

  /** Sends as slowly or as quickly as a test likes, and reads as it likes. */
  class Exchange {
    readonly #request: ClientRequest;
    readonly #response: Promise<IncomingMessage>;
    readonly #lines: AsyncGenerator<Result & ProblemAnswer, void>;

    constructor({ query = '', headers = {} }: { query?: string; headers?: Record<string, string> } = {}) {
      this.#request = request(`${cluster.url}${BATCH}${query}`, {
        method: 'POST',
        headers: { 'content-type': NDJSON, accept: NDJSON, ...headers },
      });
      // Whoever waits for its answer hears of it.
      this.#request.on('error', () => undefined);
      this.#response = once(this.#request, 'response').then(([response]) => response as IncomingMessage);
      this.#lines = this.#read();
    }
    /** Resolves when there is room for more. */
    async write(text: string): Promise<void> {
      if (!this.#request.write(text)) await once(this.#request, 'drain');
    }
    send(...jobs: readonly object[]): Promise<void> {
      return this.write(jobs.map((job) => `${JSON.stringify(job)}\n`).join(''));
    }
    end(): void {
      this.#request.end();
    }
    /** As a client does that is killed. */
    break(): void {
      this.#request.destroy();
    }
    async status(): Promise<[number | undefined, string | undefined]> {
      const { statusCode, headers } = await this.#response;
      return [statusCode, headers['content-type']?.split(';')[0]];
    }
    /** The next so many lines of the answer; fewer when it ends before. */
    async next(count: number): Promise<(Result & ProblemAnswer)[]> {
      const lines = [];
      while (lines.length < count) {
        const { value, done } = await this.#lines.next();
        if (done === true) break;
        lines.push(value);
      }
      return lines;
    }
    async *#read(): AsyncGenerator<Result & ProblemAnswer, void> {
      const response = await this.#response;
      for await (const line of createInterface({ input: response }))
        yield JSON.parse(line) as Result & ProblemAnswer;
    }
  }

  test('tells of its first lines while the others are still to come', async () => {
    const exchange = new Exchange();
    await exchange.send(waiting('live'), waiting('live'));
    expect(await exchange.next(2)).toMatchObject([
      { index: 0, created: true },
      { index: 1, created: true },
    ]);
    expect(await exchange.status()).toEqual([200, NDJSON]);
    expect(await countOf('live')).toBe(2);
    // An unfinished line waits for its end; the last one needs none.
    const last = JSON.stringify(waiting('live'));
    await exchange.write(`\r\n${last.slice(0, 20)}`);
    await exchange.write(`${last.slice(20)}\r\n${last}`);
    expect(await exchange.next(1)).toMatchObject([{ index: 2, created: true }]);
    exchange.end();
    expect(await exchange.next(9)).toMatchObject([{ index: 3, created: true }]);
    expect(await countOf('live')).toBe(4);
  });

  test('answers for each bad line, and goes on', async () => {
    const exchange = new Exchange();
    await exchange.send(waiting('mixed'), { type: 'nothing-runs-this' });
    await exchange.write('{"type":\n\n7\n');
    await exchange.send(waiting('mixed', { priority: 17 }), waiting('mixed'));
    exchange.end();
    const results = await exchange.next(99);
    expect(results.map(({ index, error }) => [index, error?.errors[0]?.field])).toEqual([
      [0, undefined],
      [1, 'type'],
      [2, 'line 3'],
      [3, ''],
      [4, 'priority'],
      [5, undefined],
    ]);
    expect(await countOf('mixed')).toBe(2);
  });

  test('holds 10,000 lines and not one more, which is said in the last line; what was submitted stays', async () => {
    const exchange = new Exchange();
    // One by one, as a program sends them that makes them one by one.
    const sent = (async () => {
      for (let n = 0; n < 10_000; n += 1) await exchange.send(waiting('many'));
    })();
    const results = await exchange.next(10_000);
    await sent;
    expect(results.map(({ index }) => index)).toEqual(results.map((_, index) => index));
    expect(results.filter(({ created }) => created === true)).toHaveLength(10_000);
    await exchange.send(waiting('many'), waiting('many'));
    exchange.end();
    expect(await exchange.next(9)).toMatchObject([{ status: 422, errors: [{ field: 'jobs' }] }]);
    const { id = '' } = results[9999] ?? {};
    expect(await api.get(id)).toMatchObject({ state: 'scheduled' });
  });

  test('may have 32 MiB: beyond, the last line says so, or the status when there is none before it', async () => {
    const tooLong = async (exchange: Exchange) => {
      for (let mb = 0; mb < 33; mb += 1) await exchange.write(' '.repeat(1024 * 1024));
      exchange.end();
    };
    const begun = new Exchange();
    await begun.send(waiting('large'));
    expect(await begun.next(1)).toMatchObject([{ index: 0, created: true }]);
    await tooLong(begun);
    expect(await begun.next(9)).toMatchObject([{ status: 413 }]);

    const unbegun = new Exchange();
    await tooLong(unbegun);
    expect(await unbegun.status()).toEqual([413, 'application/problem+json']);
    const announced = new Exchange({ headers: { 'content-length': String(33 * 1024 * 1024) } });
    await announced.send(waiting('large'));
    expect(await announced.status()).toEqual([413, 'application/problem+json']);
    announced.break();

    const empty = new Exchange();
    empty.end();
    expect(await empty.status()).toEqual([422, 'application/problem+json']);
    expect(await countOf('large')).toBe(1);
  });

  test('whose client is killed keeps the lines that were whole; the same key finds them when all is sent again', async () => {
    const headers = { 'idempotency-key': 'broken-off' };
    const jobs = [1, 2, 3, 4].map((priority) => waiting('broken', { priority }));
    const first = new Exchange({ headers });
    await first.send(...jobs.slice(0, 3));
    await first.write(JSON.stringify(jobs[3]).slice(0, -1));
    const told = await first.next(3);
    first.break();
    const again = new Exchange({ headers });
    await again.send(...jobs);
    again.end();
    const results = await again.next(9);
    expect(results.map(({ created }) => created)).toEqual([false, false, false, true]);
    expect(results.slice(0, 3).map(({ id }) => id)).toEqual(told.map(({ id }) => id));
    expect(await countOf('broken')).toBe(4);
    expect(await storeLog(cluster)).not.toMatch(/unhandled|uncaught|request failed/);
  });

  test('with atomic=true is answered when all of it has come, with all or none', async () => {
    const query = '?atomic=true';
    const good = new Exchange({ query });
    await good.send(waiting('together'), waiting('together'));
    good.end();
    expect(await good.next(9)).toMatchObject([
      { index: 0, created: true },
      { index: 1, created: true },
    ]);
    const bad = new Exchange({ query });
    await bad.send(waiting('together'), waiting('together', { priority: 17 }));
    bad.end();
    expect(await bad.status()).toEqual([422, 'application/problem+json']);
    expect(await countOf('together')).toBe(2);
  });
});

test.each([
  [{}, 'jobs'],
  [{ jobs: [] }, 'jobs'],
  [{ jobs: Array.from({ length: 10_001 }, () => 1) }, 'jobs'],
  [{ jobs: [print('a')], more: 1 }, 'more'],
])('a body that is no batch is refused and the field named', async (sent, field) => {
  const { status, body } = await api.request<ProblemAnswer>('POST', BATCH, sent);
  expect([status, body.errors?.[0]?.field]).toEqual([422, field]);
});
