import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { StoreApi } from './api.js';
import { InterruptedError } from './exit-codes.js';
import type { ConnectionOptions } from '#client/connection.js';
import { ProblemError, UnexpectedAnswerError, UnreachableError } from '#client/errors.js';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const JOB = {
  id: '0190',
  name: null,
  type: 'command',
  queue: 'default',
  state: 'queued',
  priority: 5,
  payload: { command: 'true' },
  runAt: null,
  createdAt: null,
  startedAt: null,
  finishedAt: null,
  attempt: 0,
  maxAttempts: 4,
  executor: null,
  cancelRequestedAt: null,
  result: null,
  error: null,
  addedByANewerStore: 1,
};

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server that gives one answer after the other, the last one for ever, and keeps what it was asked. */
async function serve(...answers: readonly Answer[]) {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    request.resume();
    const answer = answers[Math.min(requests.length, answers.length) - 1];
    answer?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return { requests, baseUrl: new URL(`http://127.0.0.1:${address.port}`) };
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };
const problem = (status: number, more: object = {}, headers: Record<string, string> = {}): Answer =>
  json(status, { type: 'urn:triumvir:problem:unavailable', title: 'No', detail: 'no', ...more }, headers);
const cut: Answer = (request) => request.destroy();
const silence: Answer = () => {};
const halfAnAnswer: Answer = (_request, response) => response.writeHead(200).write('{');

const apiOf = (baseUrl: URL, options: Partial<ConnectionOptions> = {}) =>
  new StoreApi({ baseUrl, signal: new AbortController().signal, ...options });

describe('StoreApi', () => {
  it('keeps fields that it does not know', async () => {
    const { baseUrl } = await serve(json(200, JOB));
    expect(await apiOf(baseUrl).getJob('0190')).toEqual(JOB);
  });

  it('keeps the path of the base URL, and an id in one segment of it', async () => {
    const { baseUrl, requests } = await serve(json(200, JOB));
    await apiOf(new URL('/behind/proxy/', baseUrl)).getJob('../x?y');
    expect(requests[0]?.url).toBe('/behind/proxy/api/v1/jobs/..%2Fx%3Fy');
  });

  it('asks for pages with the filters that are set', async () => {
    const { baseUrl, requests } = await serve(json(200, { jobs: [], nextCursor: null }));
    await apiOf(baseUrl).listJobs(
      { state: 'dead', queue: undefined, tag: 'a,b' },
      { limit: 7, cursor: 'abc' },
    );
    expect(requests[0]?.url).toBe('/api/v1/jobs?limit=7&cursor=abc&state=dead&tag=a,b');
  });

  it('reads the API keys to their last page', async () => {
    const times = {
      createdAt: '2030-01-31T08:00:00.000Z',
      expiresAt: null,
      revokedAt: null,
      lastUsedAt: null,
    };
    const key = (id: string) => ({ id, name: id, scopes: ['read'], queues: [], rate: null, ...times });
    const { baseUrl, requests } = await serve(
      json(200, { keys: [key('b')], nextCursor: 'x' }),
      json(200, { keys: [key('a')], nextCursor: null }),
    );
    expect((await apiOf(baseUrl).listKeys(true)).map(({ id }) => id)).toEqual(['b', 'a']);
    expect(requests.map(({ url }) => url)).toEqual([
      '/api/v1/keys?all=true&limit=200',
      '/api/v1/keys?all=true&limit=200&cursor=x',
    ]);
  });

  it('repeats a read after a cut connection and after 503', async () => {
    const { baseUrl, requests } = await serve(cut, problem(503, { title: 'away' }), json(200, JOB));
    expect((await apiOf(baseUrl).getJob('0190')).id).toBe('0190');
    expect(requests).toHaveLength(3);
  });

  it('repeats a submission under the same key, and another submission has another key', async () => {
    const { baseUrl, requests } = await serve(cut, problem(503, {}), json(201, JOB));
    const api = apiOf(baseUrl);
    await api.submitJob({ type: 'print' });
    await api.submitJob({ type: 'print' });
    const keys = requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(4);
    expect(new Set(keys.slice(0, 3)).size).toBe(1);
    expect(keys[3]).not.toBe(keys[0]);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('repeats the request for a bulk operation under the same key', async () => {
    const { baseUrl, requests } = await serve(cut, problem(409, { detail: 'no' }));
    const request = { action: 'cancel', filter: { queue: 'q' }, all: undefined } as const;
    await expect(apiOf(baseUrl).createBulk(request)).rejects.toThrow('no');
    const keys = requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), keys[0]]);
  });

  it('does not repeat a cancel', async () => {
    const { baseUrl, requests } = await serve(cut, json(200, JOB));
    await expect(apiOf(baseUrl).cancelJob('0190')).rejects.toBeInstanceOf(UnreachableError);
    expect(requests).toHaveLength(1);
  });

  it('does not repeat what the store refused', async () => {
    const { baseUrl, requests } = await serve(problem(422, { title: 'no' }), json(201, JOB));
    await expect(apiOf(baseUrl).submitJob({ type: 'print' })).rejects.toBeInstanceOf(ProblemError);
    expect(requests).toHaveLength(1);
  });

  it('gives up when its patience ends, and at once when the store asks for more than that', async () => {
    const away = await serve(problem(503, { detail: 'the database is away' }));
    await expect(apiOf(away.baseUrl, { patienceMs: 200 }).getJob('0190')).rejects.toThrow(
      'the database is away',
    );
    expect(away.requests.length).toBeGreaterThan(1);

    const later = await serve(problem(503, {}, { 'retry-after': '60' }));
    await expect(apiOf(later.baseUrl).getJob('0190')).rejects.toBeInstanceOf(ProblemError);
    expect(later.requests).toHaveLength(1);
  });

  it('turns a problem document into an error with its fields', async () => {
    const faults = [{ field: 'type', message: 'is unknown', allowed: ['command', 'print'] }];
    const { baseUrl } = await serve(
      problem(422, { title: 'Invalid', detail: 'The job is invalid', errors: faults }),
    );
    await expect(apiOf(baseUrl).submitJob({ type: 'x' })).rejects.toMatchObject({
      status: 422,
      message: 'The job is invalid',
      faults,
    });
  });

  it('takes an error without a problem document for the answer of something else', async () => {
    const { baseUrl } = await serve((_request, response) => response.writeHead(404).end('<html>'));
    const error: unknown = await apiOf(baseUrl)
      .getJob('0190')
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UnexpectedAnswerError);
    expect(error).toMatchObject({
      status: 404,
      message: expect.stringContaining('HTTP 404 Not Found') as string,
    });
  });

  it.each([
    ['something that is not JSON', '<html>'],
    ['JSON that is no job', '{"hello":"world"}'],
  ])('says that %s is not the answer of a store', async (_what, body) => {
    const { baseUrl } = await serve((_request, response) => response.end(body));
    await expect(apiOf(baseUrl).getJob('0190')).rejects.toBeInstanceOf(UnexpectedAnswerError);
  });

  it('stops waiting for a server that never answers, or never ends its answer', async () => {
    for (const answer of [silence, halfAnAnswer]) {
      const { baseUrl } = await serve(answer);
      const api = apiOf(baseUrl, { timeoutMs: 50, patienceMs: 0 });
      await expect(api.getJob('0190')).rejects.toThrow('no answer within 0.05 s');
    }
  });

  it('says so when nobody listens', async () => {
    const { baseUrl } = await serve();
    for (const close of closers.splice(0)) close();
    await expect(apiOf(baseUrl, { patienceMs: 0 }).getJob('0190')).rejects.toThrow(
      `cannot reach the store at ${baseUrl.origin}: nobody listens there (connection refused)`,
    );
  });

  it('ends a request and its repetitions when it is interrupted', async () => {
    for (const answer of [silence, problem(503, {}, { 'retry-after': '3' })]) {
      const { baseUrl, requests } = await serve(answer);
      const interruption = new AbortController();
      const outcome = apiOf(baseUrl, { signal: interruption.signal })
        .getJob('0190')
        .catch((error: unknown) => error);
      await expect.poll(() => requests.length).toBe(1);
      interruption.abort(new InterruptedError());
      expect(await outcome).toBeInstanceOf(InterruptedError);
    }
  });
});
