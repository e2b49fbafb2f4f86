/** The API as its users meet it: what is accepted, what is refused and why, and what becomes of a job. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiClient, type JobAnswer, type ProblemAnswer } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';

let cluster: Cluster;
let api: ApiClient;

beforeAll(async () => {
  cluster = await startCluster();
  api = new ApiClient([cluster.url]);
});

afterAll(() => cluster?.stop());

const command = (text: string, rest: object = {}) => ({
  type: 'command',
  payload: { command: text },
  ...rest,
});

describe('a job', () => {
  test('is created with 201, its location, and every default filled in', async () => {
    const { status, headers, body } = await api.request<JobAnswer>('POST', '/api/v1/jobs', command('true'));
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/api/v1/jobs/${body.id}`);
    expect(body).toMatchObject({
      queue: 'default',
      priority: 5,
      maxAttempts: 4,
      timeout: 3_600_000,
      state: 'scheduled',
    });
  });

  test('keeps what its command wrote, and its exit code', async () => {
    const { id } = await api.submit(command('echo out; echo err >&2; exit 0'));
    expect(await api.waitFor(id)).toMatchObject({ state: 'succeeded', result: { exitCode: 0 } });
    const { body } = await api.request('GET', `/api/v1/jobs/${id}/output`);
    expect(body).toMatchObject({
      attempt: 1,
      stdout: 'out\n',
      stderr: 'err\n',
      truncated: false,
      omittedBytes: 0,
    });
  });

  test('that writes too much keeps the beginning and the end, and says how much is missing', async () => {
    const { id } = await api.submit(
      command('echo first; head -c 1000000 /dev/zero | tr "\\0" x; echo; echo last'),
    );
    await api.waitFor(id, ['succeeded']);
    const { body } = await api.request<{ output: string; omittedBytes: number }>(
      'GET',
      `/api/v1/jobs/${id}/output`,
    );
    expect(body).toMatchObject({ truncated: true, omittedBytes: 1_000_012 - 262_144 });
    expect(body.output.startsWith('first\n')).toBe(true);
    expect(body.output.endsWith('last\n')).toBe(true);
    expect(body.output).toContain(`${body.omittedBytes} bytes left out`);
  });

  test('that fails is tried again by its policy, then dead, with every attempt on record', async () => {
    const { id } = await api.submit(
      command('echo try $JOB_ATTEMPT; exit 7', {
        maxAttempts: 3,
        retry: { strategy: 'fixed', delay: '50ms' },
      }),
    );
    const job = await api.waitFor(id);
    expect(job).toMatchObject({
      state: 'dead',
      attempt: 3,
      error: { name: 'CommandFailed', details: { exitCode: 7 } },
    });
    expect(job.attempts?.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
      [1, 'failed'],
      [2, 'failed'],
      [3, 'failed'],
    ]);
    const { body } = await api.request<{ stdout: string }>('GET', `/api/v1/jobs/${id}/output?attempt=2`);
    expect(body.stdout).toBe('try 2\n');
  });

  test('that runs longer than its timeout is ended with all it started', async () => {
    const { id } = await api.submit(command('sleep 60 & sleep 60', { timeout: '300ms', maxAttempts: 1 }));
    expect(await api.waitFor(id)).toMatchObject({ state: 'dead', error: { name: 'Timeout' } });
  });

  test('that cannot start in time becomes expired, and never starts', async () => {
    const late = await api.submit(command('true', { delay: '1h', expiresAt: new Date(Date.now() + 300) }));
    expect(late).toMatchObject({ state: 'scheduled' });
    const past = await api.submit(command('true', { expiresAt: '2020-01-01T00:00:00Z' }));
    for (const { id } of [late, past])
      expect(await api.waitFor(id, ['expired'], 3000)).toMatchObject({ attempt: 0, startedAt: null });
    const { body } = await api.request<{ jobs: JobAnswer[] }>('GET', '/api/v1/jobs?state=expired');
    expect(body.jobs.map(({ id }) => id)).toEqual([past.id, late.id]);
  });

  test('is found by its tags', async () => {
    const both = await api.submit(command('true', { tags: ['red', 'grün'] }));
    await api.submit(command('true', { tags: ['red'] }));
    expect(both).toMatchObject({ tags: ['red', 'grün'] });
    const path = `/api/v1/jobs?tag=${encodeURIComponent('grün,red')}`;
    const { body } = await api.request<{ jobs: JobAnswer[] }>('GET', path);
    expect(body.jobs).toMatchObject([{ id: both.id, tags: ['red', 'grün'] }]);
  });

  test('in the future can be cancelled; one that runs is ended first', async () => {
    const later = await api.submit(command('true', { delay: '1h' }));
    const cancelled = await api.request<JobAnswer>('POST', `/api/v1/jobs/${later.id}/cancel`);
    expect([cancelled.status, cancelled.body.state]).toEqual([200, 'cancelled']);

    const running = await api.submit(command('sleep 60'));
    await api.waitFor(running.id, ['running']);
    const asked = await api.request<JobAnswer>('POST', `/api/v1/jobs/${running.id}/cancel`);
    expect([asked.status, asked.body.state]).toEqual([202, 'running']);
    expect(asked.body.cancelRequestedAt).not.toBeNull();
    expect(await api.waitFor(running.id, ['cancelled'], 3000)).toMatchObject({ attempt: 1 });

    const again = await api.request<ProblemAnswer>('POST', `/api/v1/jobs/${running.id}/cancel`);
    expect(again.status).toBe(409);
  });

  test('of a queue nobody has heard of runs at once', async () => {
    const { id } = await api.submit({ type: 'print', payload: { text: 'new' }, queue: 'brand-new' });
    expect(await api.waitFor(id, ['succeeded'], 1000)).toMatchObject({ queue: 'brand-new' });
  });
});

describe('bad input is refused, names the field, and stores nothing:', () => {
  const print = { type: 'print', payload: { text: 'x' } };
  test.each<[string, unknown, number, string]>([
    ['unknown type', { type: 'nope' }, 422, 'type'],
    ['no type', { payload: {} }, 422, 'type'],
    ['no payload', { type: 'command' }, 422, 'payload.command'],
    ['wrong payload', { type: 'command', payload: { command: 5 } }, 422, 'payload.command'],
    ['unknown payload field', { type: 'print', payload: { text: 'x', more: 1 } }, 422, 'payload.more'],
    ['unknown field', { ...print, colour: 'red' }, 422, 'colour'],
    ['unparsable time', { ...print, runAt: 'tomorrow' }, 422, 'runAt'],
    ['time without offset', { ...print, runAt: '2030-01-01T00:00:00' }, 422, 'runAt'],
    ['no such date', { ...print, runAt: '2030-02-30T00:00:00Z' }, 422, 'runAt'],
    ['negative delay', { ...print, delay: -1 }, 422, 'delay'],
    ['delay that is no duration', { ...print, delay: 'soon' }, 422, 'delay'],
    ['runAt and delay', { ...print, runAt: '2030-01-01T00:00:00Z', delay: 1 }, 422, 'delay'],
    ['priority out of range', { ...print, priority: 10 }, 422, 'priority'],
    ['no attempts', { ...print, maxAttempts: 0 }, 422, 'maxAttempts'],
    ['no time', { ...print, timeout: 0 }, 422, 'timeout'],
    ['unknown retry strategy', { ...print, retry: { strategy: 'hope' } }, 422, 'retry.strategy'],
    ['bad queue name', { ...print, queue: 'a:b' }, 422, 'queue'],
    ['NUL in the payload', { type: 'print', payload: { text: 'a\0b' } }, 422, 'payload.text'],
    ['NUL in the name', { ...print, name: 'a\0b' }, 422, 'name'],
    ['half a surrogate pair', '{"type":"print","payload":{"text":"\\ud800"}}', 422, 'payload.text'],
    ['an array', [], 422, ''],
    ['null', 'null', 422, ''],
    ['broken JSON', '{"type":', 400, ''],
    ['no body', '', 400, ''],
    ['prototype pollution', '{"__proto__":{"a":1},"type":"print","payload":{"text":"x"}}', 400, ''],
  ])('%s', async (_name, body, status, field) => {
    const before = (await api.all()).length;
    const answer = await api.request<ProblemAnswer>('POST', '/api/v1/jobs', body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body).toMatchObject({ status });
    if (field !== '') expect(answer.body.errors?.map((error) => error.field)).toContain(field);
    expect((await api.all()).length).toBe(before);
  });

  test('a body of more than 256 KB', async () => {
    const answer = await api.request('POST', '/api/v1/jobs', {
      type: 'print',
      payload: { text: 'x'.repeat(300_000) },
    });
    expect(answer.status).toBe(413);
  });

  test.each([
    ['whose length is told', `content-length: ${8 * 1024 * 1024}`, ''],
    ['in chunks', 'transfer-encoding: chunked', `${(1024 * 1024).toString(16)}\r\n`],
  ])(
    'a body of 8 MB %s: a client that sends all of it before it reads gets the answer too',
    async (_how, header, before) => {
      const { hostname, port } = new URL(cluster.url);
      const socket = connect(Number(port), hostname);
      await once(socket, 'connect');
      const write = promisify<string, void>(socket.write.bind(socket));
      await write(
        `POST /api/v1/jobs HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\n${header}\r\n\r\n`,
      );
      for (let mb = 0; mb < 8; mb += 1)
        await write(`${before}${' '.repeat(1024 * 1024)}${before === '' ? '' : '\r\n'}`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 /);
      socket.destroy();
    },
  );

  test.each<[string, string, number]>([
    ['GET', '/api/v1/jobs/not-an-id', 400],
    ['GET', '/api/v1/jobs/0198f2a4-0000-7000-8000-000000000000', 404],
    ['POST', '/api/v1/jobs/0198f2a4-0000-7000-8000-000000000000/cancel', 404],
    ['GET', '/api/v1/jobs/0198f2a4-0000-7000-8000-000000000000/output', 404],
    ['GET', '/api/v1/jobs?cursor=garbage', 400],
    ['GET', '/api/v1/jobs?limit=0', 400],
    ['GET', '/api/v1/jobs?limit=1e3', 400],
    ['GET', '/api/v1/jobs?state=gone', 400],
    ['GET', '/api/v1/jobs?state=queued&state=running', 400],
    ['GET', '/api/v1/jobs?unknown=1', 400],
    ['GET', '/nowhere', 404],
    ['GET', '/%zz', 400],
    ['DELETE', '/api/v1/jobs', 404],
  ])('%s %s is answered %i', async (method, path, status) => {
    const answer = await api.request<ProblemAnswer>(method, path);
    expect([answer.status, answer.body.status]).toEqual([status, status]);
  });
});

test('a list is paged by cursor without gap or repetition while jobs keep arriving', async () => {
  const queue = 'paged';
  const later = { type: 'print', payload: { text: 'x' }, queue, delay: '1h' };
  const first = await api.submitAll(Array.from({ length: 25 }, () => later));
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const path: string = `/api/v1/jobs?queue=${queue}&limit=10${cursor === null ? '' : `&cursor=${cursor}`}`;
    const { body } = await api.request<{ jobs: JobAnswer[]; nextCursor: string | null }>('GET', path);
    seen.push(...body.jobs.map(({ id }) => id));
    cursor = body.nextCursor;
    await api.submit(later);
  } while (cursor !== null);
  expect(seen).toEqual(
    first
      .map(({ id }) => id)
      .sort()
      .reverse(),
  );
});

describe('a search', () => {
  interface Found {
    readonly jobs: JobAnswer[];
    readonly nextCursor: string | null;
    readonly searchedBackTo: string | null;
  }
  const search = (query: string, rest = '') =>
    api.request<Found>('GET', `/api/v1/jobs?q=${encodeURIComponent(query)}${rest}`);

  test('finds jobs by words, fields and payload, and its pages link to each other', async () => {
    const jobs = await api.submitAll(
      [1, 2, 3].map((customer) => ({
        type: 'print',
        name: `invoice ${customer}`,
        payload: { text: `for customer ${customer}` },
        tags: ['searched'],
        delay: '1h',
      })),
    );
    const byWord = await search('tag:searched "CUSTOMER 2" state:scheduled type:print');
    expect(byWord.body.jobs.map(({ name }) => name)).toEqual(['invoice 2']);
    expect(byWord.body).toMatchObject({ nextCursor: null, searchedBackTo: null });
    expect(byWord.headers.has('link')).toBe(false);
    expect((await search('payload.text:"for customer 3" tag:searched')).body.jobs).toHaveLength(1);

    const seen: string[] = [];
    for (let path: string | undefined = '/api/v1/jobs?q=tag:searched&limit=1'; path !== undefined;) {
      const { headers, body }: { headers: Headers; body: Found } = await api.request<Found>('GET', path);
      seen.push(...body.jobs.map(({ id }) => id));
      path = /^<(.+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1];
    }
    expect(seen).toEqual(
      jobs
        .map(({ id }) => id)
        .toSorted()
        .toReversed(),
    );
  });

  test.each([
    ['type:a stat:dead', 8],
    ['state:gone', 7],
    ['id:7', 4],
    ['"open', 1],
    ['x'.repeat(1001), 1001],
    ['a\0', 1],
  ])('by %j is answered 422, which says where it is wrong', async (query, position) => {
    const { status, body } = await api.request<ProblemAnswer>(
      'GET',
      `/api/v1/jobs?q=${encodeURIComponent(query)}`,
    );
    expect(status).toBe(422);
    expect(body.errors).toMatchObject([{ field: 'q' }]);
    expect(body.errors?.[0]?.message).toContain(`at character ${position}:`);
  });
});
