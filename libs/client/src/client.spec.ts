import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { TriumvirClient } from './client.js';
import { ProblemError, UnexpectedAnswerError, WaitTimedOutError } from './errors.js';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
type Answer = (response: ServerResponse) => void;

/** A server that gives one answer after the other, the last one for ever, and keeps what it was asked. */
async function serve(...answers: readonly Answer[]): Promise<{ client: TriumvirClient; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      asked.push({ method: request.method, url: request.url, headers: request.headers, body });
      answers[Math.min(asked.length, answers.length) - 1]?.(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/behind/`;
  return { client: new TriumvirClient({ baseUrl, apiKey: 'tv_key' }), asked };
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

const problem = (status: number, headers: Record<string, string> = {}): Answer =>
  json(
    status,
    {
      type: 'urn:triumvir:problem:conflict',
      title: 'No',
      status,
      detail: 'It cannot be done.',
      instance: '/',
      errors: [{ field: 'type', message: 'is unknown', allowed: ['print'] }],
    },
    headers,
  );

const events =
  (...messages: readonly [string, unknown][]): Answer =>
  (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    messages.forEach(([event, data], index) =>
      response.write(`id: ${index}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
    );
  };

const ofJob = { params: { path: { id: '0190/..' } } };

describe('a call', () => {
  it('has its path below the base URL, its parameters in their places, and the key', async () => {
    const { client, asked } = await serve(json(200, { state: 'running' }));
    await client.get('/api/v1/jobs/{id}', ofJob);
    await client.get('/api/v1/jobs', { params: { query: { limit: 3, tag: ['a', 'b&c'] } } });
    await client.post('/api/v1/jobs/{id}/redrive', { ...ofJob, body: { attempts: 2 } });
    expect(asked.map(({ method, url, body }) => `${method} ${url} ${body}`)).toEqual([
      'GET /behind/api/v1/jobs/0190%2F.. ',
      'GET /behind/api/v1/jobs?limit=3&tag=a,b%26c ',
      'POST /behind/api/v1/jobs/0190%2F../redrive {"attempts":2}',
    ]);
    expect(asked[0]?.headers).toMatchObject({ authorization: 'Bearer tv_key' });
  });

  it('fails with what the problem document says', async () => {
    const { client } = await serve(problem(409, { 'retry-after': '7' }));
    const error: unknown = await client
      .post('/api/v1/jobs/{id}/cancel', ofJob)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProblemError);
    expect(error).toMatchObject({
      status: 409,
      kind: 'conflict',
      message: 'It cannot be done.',
      faults: [{ field: 'type', message: 'is unknown', allowed: ['print'] }],
      retryAfterMs: 7_000,
    });
  });

  it('tells the problem of another service from one of a store', async () => {
    const { client } = await serve(
      json(404, { type: 'about:blank', title: 'Not Found', detail: 'no route' }),
    );
    await expect(client.get('/api/v1/cluster')).rejects.toBeInstanceOf(UnexpectedAnswerError);
  });

  it.each(['<html>', '{"half": '])('says of %j that it is no answer of a store', async (body) => {
    const { client } = await serve((response) => response.end(body));
    await expect(client.get('/api/v1/cluster')).rejects.toBeInstanceOf(UnexpectedAnswerError);
  });
});

describe('repetition', () => {
  const UNAVAILABLE = problem(503);

  it('is for what may be sent twice', async () => {
    for (const send of [
      (client: TriumvirClient) => client.get('/api/v1/cluster'),
      (client: TriumvirClient) => client.submitJob({ type: 'print', payload: {} }),
      (client: TriumvirClient) =>
        client.post('/api/v1/queues/{name}/pause', { params: { path: { name: 'a' } }, repeatable: true }),
    ]) {
      const { client, asked } = await serve(UNAVAILABLE, json(200, {}));
      await send(client);
      expect(asked).toHaveLength(2);
      expect(asked[1]).toMatchObject({ url: asked[0]?.url, body: asked[0]?.body });
      expect(asked[1]?.headers['idempotency-key']).toBe(asked[0]?.headers['idempotency-key']);
    }
  });

  it('is not for what does something each time it is sent', async () => {
    const name = { params: { path: { name: 'a' } } };
    for (const send of [
      (client: TriumvirClient) => client.post('/api/v1/jobs', { body: { type: 'print' } }),
      (client: TriumvirClient) => client.delete('/api/v1/queues/{name}', name),
      (client: TriumvirClient) =>
        client.put('/api/v1/queues/{name}', {
          params: { ...name.params, header: { 'If-Match': '"1"' } },
          body: { concurrency: null, concurrencyPerKey: 1, rateLimit: null, drain: 'shared' },
        }),
    ]) {
      const { client, asked } = await serve(UNAVAILABLE, json(200, {}));
      await expect(send(client)).rejects.toBeInstanceOf(ProblemError);
      expect(asked).toHaveLength(1);
    }
  });

  it('is for anything that was turned away for the number of requests, when Retry-After has passed', async () => {
    const { client, asked } = await serve(problem(429, { 'retry-after': '0' }), json(200, {}));
    await client.post('/api/v1/jobs/{id}/cancel', ofJob);
    expect(asked).toHaveLength(2);
  });
});

describe('pages', () => {
  async function collect(...answers: readonly Answer[]) {
    const { client, asked } = await serve(...answers);
    const jobs: string[] = [];
    for await (const page of client.pages('/api/v1/jobs', {
      params: { query: { state: ['dead'], limit: 2 } },
    }))
      jobs.push(...page.jobs.map(({ id }) => id));
    return { jobs, urls: asked.map(({ url }) => url) };
  }

  it('are gone through by the cursor in them', async () => {
    const { jobs, urls } = await collect(
      json(200, { jobs: [{ id: 'a' }, { id: 'b' }], nextCursor: 'x/y' }),
      json(200, { jobs: [{ id: 'c' }], nextCursor: null }),
    );
    expect(jobs).toEqual(['a', 'b', 'c']);
    expect(urls).toEqual([
      '/behind/api/v1/jobs?state=dead&limit=2',
      '/behind/api/v1/jobs?state=dead&limit=2&cursor=x%2Fy',
    ]);
  });

  it('are gone through by their Link header, whatever address it names', async () => {
    const link = '</first>; rel="prev", <https://inside/api/v1/jobs?limit=2&cursor=q>; rel="next"';
    const { urls } = await collect(json(200, { jobs: [] }, { link }), json(200, { jobs: [] }));
    expect(urls[1]).toBe('/behind/api/v1/jobs?limit=2&cursor=q');
  });
});

describe('waitFor', () => {
  const running = json(200, { id: 'a', state: 'running' });
  const done = json(200, { id: 'a', state: 'succeeded' });
  const told = (state: string) => ({ jobId: 'a', change: 'state', state });

  it('asks only when it begins to listen and when it has heard of the end', async () => {
    const { client, asked } = await serve(
      events(
        ['listening', { resumed: false }],
        ['job', told('queued')],
        ['job', told('running')],
        ['job', told('succeeded')],
      ),
      running,
      done,
    );
    expect((await client.waitFor('a')).state).toBe('succeeded');
    expect(asked.map(({ url }) => url)).toEqual([
      '/behind/api/v1/jobs/a/events',
      '/behind/api/v1/jobs/a',
      '/behind/api/v1/jobs/a',
    ]);
  });

  it('ends at once for a job that has ended, and asks again where events are missing', async () => {
    const ended = await serve(events(['listening', {}]), done);
    expect((await ended.client.waitFor('a')).state).toBe('succeeded');
    const gap = await serve(
      events(['listening', {}], ['gap', { reason: 'too-old', detail: '' }]),
      running,
      done,
    );
    expect((await gap.client.waitFor('a')).state).toBe('succeeded');
  });

  it('ends when its time is up', async () => {
    const { client } = await serve(events(['listening', {}]), running);
    await expect(client.waitFor('a', { timeoutMs: 50 })).rejects.toBeInstanceOf(WaitTimedOutError);
  });
});

describe('a redirection', () => {
  it.each([301, 302, 303, 307, 308])('%i is told of and not followed, whatever is asked', async (status) => {
    const elsewhere = await serve(json(200, {}));
    const location = `${elsewhere.client.baseUrl.href}?token=secret`;
    const { client } = await serve((response) => response.writeHead(status, { location }).end());
    const refused = expect.objectContaining({
      name: 'UnexpectedAnswerError',
      status,
      message: expect.stringMatching(/which leads to http:\/\/127\.0\.0\.1:\d+\/behind\/$/) as string,
    });
    await expect(client.get('/api/v1/cluster')).rejects.toEqual(refused);
    await expect(client.submitJob({ type: 'print' })).rejects.toEqual(refused);
    await expect(client.events().next()).rejects.toEqual(refused);
    expect(elsewhere.asked).toEqual([]);
  });
});
