import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { compilePayloadSchema } from '#common/payload/payload-schema.js';
import type { Address, Resolve } from '../http/address-guard.js';
import { JobFailure, payloadSchemaOf } from './handler.js';
import { httpHandler } from './http.handler.js';
import { OutputCapture } from './output-capture.js';

const jobId = '01890a5d-ac96-774b-bcce-b302099a8057';
const servers: Server[] = [];

afterEach(() => {
  vi.unstubAllEnvs();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

interface Seen {
  readonly url: string;
  readonly requests: (IncomingMessage & { text: string })[];
}

/** A server that answers each request by `answer`, and keeps what it was asked. */
async function serve(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  host = '127.0.0.1',
): Promise<Seen> {
  const requests: Seen['requests'] = [];
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      requests.push(Object.assign(request, { text }));
      answer(request, response);
    });
  });
  servers.push(server);
  server.listen(0, host);
  await once(server, 'listening');
  return { url: `http://${host}:${(server.address() as AddressInfo).port}`, requests };
}

interface Run {
  readonly allowed?: string[];
  readonly resolve?: Resolve;
  readonly signal?: AbortSignal;
}

function run(payload: object, { allowed = ['127.0.0.1'], resolve, signal }: Run = {}) {
  const output = new OutputCapture(4 * 1024 * 1024);
  const context = {
    jobId,
    attempt: 1,
    signal: signal ?? new AbortController().signal,
    killGraceMs: 0,
    output,
    parents: () => Promise.resolve([]),
    progress: () => undefined,
  };
  const end = Promise.resolve(httpHandler(allowed, resolve).run(payload, context)).catch((error: unknown) => {
    if (error instanceof JobFailure) return { ...error.error, ...error.options };
    throw error;
  });
  return {
    end,
    written: () =>
      output
        .pieces()
        .map(({ text }) => text)
        .join(''),
  };
}

const to = (address: string): Address => ({ address, family: 4 });

test('a request goes out as it was asked for, and what is answered is the result', async () => {
  const { url, requests } = await serve((_, response) =>
    response
      .writeHead(201, { 'content-type': 'application/json', 'set-cookie': 'secret=1' })
      .end('{"ok":true}'),
  );
  const { end, written } = run({
    url: `${url}/orders?token=secret`,
    method: 'POST',
    headers: { 'X-Trace': 'abc', Authorization: 'Bearer secret' },
    body: { n: [1, 'zwei'] },
  });
  expect(await end).toEqual({
    status: 201,
    url: `${url}/orders`,
    redirects: 0,
    contentType: 'application/json',
    body: '{"ok":true}',
    bodyBytes: 11,
    bodyComplete: true,
    durationMs: expect.any(Number) as number,
  });
  expect(written()).toBe('{"ok":true}');
  expect(JSON.stringify(await end) + written()).not.toContain('secret');
  const [request] = requests;
  expect(request).toMatchObject({ method: 'POST', url: '/orders?token=secret', text: '{"n":[1,"zwei"]}' });
  expect(request?.headers).toMatchObject({
    'x-trace': 'abc',
    authorization: 'Bearer secret',
    'content-type': 'application/json',
    'content-length': '16',
    'idempotency-key': jobId,
    'accept-encoding': 'identity',
    host: new URL(url).host,
  });
});

test('a text is sent as it is, and a header of one’s own takes the place of a default', async () => {
  const { url, requests } = await serve((_, response) => response.end());
  await run({ url, method: 'PUT', body: 'a=ü', headers: { 'Content-Type': 'x/y', 'User-Agent': 'me' } }).end;
  expect(requests[0]).toMatchObject({ method: 'PUT', text: 'a=ü' });
  expect(requests[0]?.headers).toMatchObject({
    'content-type': 'x/y',
    'user-agent': 'me',
    'content-length': '4',
  });
});

test('an unexpected status is a failure that names it, and may be tried again', async () => {
  const { url } = await serve((_, response) => response.writeHead(500).end('broken'));
  const { end, written } = run({ url: `${url}/x?key=secret` });
  const failure = await end;
  expect(failure).toMatchObject({
    name: 'UnexpectedStatus',
    message: `${url}/x answered 500`,
    details: { status: 500 },
  });
  expect(failure).not.toHaveProperty('final');
  expect(written()).toBe('broken');
});

test('the expected statuses are what the job says', async () => {
  const { url } = await serve((_, response) => response.writeHead(404).end());
  expect(await run({ url, expectedStatus: [404, 410] }).end).toMatchObject({ status: 404, body: null });
  const { url: fine } = await serve((_, response) => response.end());
  expect(await run({ url: fine, expectedStatus: [204] }).end).toMatchObject({ name: 'UnexpectedStatus' });
});

test('Retry-After says when it is tried again', async () => {
  const { url } = await serve((_, response) => response.writeHead(429, { 'retry-after': '7' }).end());
  expect(await run({ url }).end).toMatchObject({ name: 'UnexpectedStatus', retryAfterMs: 7000 });
});

test('an address that is not public is refused for good, and nothing is sent there', async () => {
  const { url, requests } = await serve((_, response) => response.end('inside'));
  for (const address of [
    url,
    url.replace('127.0.0.1', 'localhost'),
    url.replace('127.0.0.1', '[::ffff:127.0.0.1]'),
  ])
    expect(await run({ url: address }, { allowed: [] }).end).toMatchObject({
      name: 'AddressRefused',
      final: true,
    });
  expect(requests).toHaveLength(0);
});

test('a name is resolved once: what it resolves to the second time is never reached', async () => {
  const inside = await serve((_, response) => response.end('inside'));
  const { port } = new URL(inside.url);
  const answers = ['127.0.0.2', '127.0.0.1'];
  const resolve = vi.fn<Resolve>(() => Promise.resolve([to(answers.shift() ?? '')]));
  const { end } = run({ url: `http://rebinding.test:${port}/` }, { allowed: ['127.0.0.2'], resolve });
  expect(await end).toMatchObject({
    name: 'HttpFailed',
    message: expect.stringContaining('ECONNREFUSED') as string,
  });
  expect(resolve).toHaveBeenCalledTimes(1);
  expect(inside.requests).toHaveLength(0);
});

test('the name stays in the request, while the connection goes to the address that was checked', async () => {
  const { url, requests } = await serve((_, response) => response.end());
  const { port } = new URL(url);
  await run({ url: `http://service.test:${port}/` }, { resolve: () => Promise.resolve([to('127.0.0.1')]) })
    .end;
  expect(requests[0]?.headers.host).toBe(`service.test:${port}`);
});

test('a redirect to an address that is not public is refused like a request for it', async () => {
  const inside = await serve((_, response) => response.end('inside'), '127.0.0.2');
  const { url } = await serve((_, response) => response.writeHead(302, { location: inside.url }).end());
  expect(await run({ url }).end).toMatchObject({ name: 'AddressRefused', final: true });
  expect(inside.requests).toHaveLength(0);
});

test('redirects are followed, but not for ever; another origin sees no credentials', async () => {
  const end = await serve((_, response) =>
    response.writeHead(200, { 'content-type': 'text/plain' }).end('there'),
  );
  const { url, requests } = await serve(({ url: path }, response) =>
    response.writeHead(307, { location: path === '/1' ? '/2' : `${end.url}/3` }).end(),
  );
  const payload = { url: `${url}/1`, method: 'POST', body: 'x', headers: { Authorization: 'secret' } };
  expect(await run(payload).end).toMatchObject({
    status: 200,
    redirects: 2,
    url: `${end.url}/3`,
    body: 'there',
  });
  expect(requests.map(({ headers }) => headers.authorization)).toEqual(['secret', 'secret']);
  expect(end.requests[0]?.headers).not.toHaveProperty('authorization');
  expect(end.requests[0]?.text).toBe('x');

  expect(await run({ ...payload, maxRedirects: 1 }).end).toMatchObject({
    name: 'RedirectRefused',
    final: true,
  });
  expect(await run({ ...payload, maxRedirects: 0 }).end).toMatchObject({
    name: 'UnexpectedStatus',
    details: { status: 307 },
  });
  const loop = await serve((_, response) => response.writeHead(302, { location: '/' }).end());
  expect(await run({ url: loop.url }).end).toMatchObject({ message: 'more than 5 redirects' });
  expect(loop.requests).toHaveLength(6);
});

test('an answer without end is read only so far', async () => {
  const { url } = await serve((_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    const write = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', write);
    write();
  });
  const { end, written } = run({ url });
  expect(await end).toMatchObject({
    bodyBytes: 1024 * 1024,
    bodyComplete: false,
    body: 'x'.repeat(16 * 1024),
  });
  expect(written()).toHaveLength(1024 * 1024);
});

test('an answer that never comes, or trickles, ends at the time limit', async () => {
  const silent = await serve(() => undefined);
  expect(await run({ url: `${silent.url}/?key=secret`, timeoutMs: 50 }).end).toEqual({
    name: 'HttpTimeout',
    message: `${silent.url}/ did not answer in 50 ms`,
  });
  const trickling = await serve((_, response) => {
    const timer = setInterval(() => response.write('.'), 5);
    response.on('close', () => clearInterval(timer));
  });
  expect(await run({ url: trickling.url, timeoutMs: 100 }).end).toMatchObject({ name: 'HttpTimeout' });
  const never: Resolve = () => new Promise(() => undefined);
  expect(await run({ url: 'http://slow.test/', timeoutMs: 50 }, { resolve: never }).end).toMatchObject({
    name: 'HttpTimeout',
  });
});

test('asked to end, it breaks off', async () => {
  const stop = new AbortController();
  const { url, requests } = await serve(() => stop.abort());
  expect(await run({ url }, { signal: stop.signal }).end).toMatchObject({ name: 'HttpFailed' });
  expect(requests).toHaveLength(1);
});

test('no connection is used twice: each goes to an address that was checked for it', async () => {
  const { url, requests } = await serve((_, response) => response.end('x'));
  await run({ url }).end;
  await run({ url }).end;
  expect(new Set(requests.map(({ socket }) => socket)).size).toBe(2);
});

test('proxies of the environment are not used', async () => {
  const proxy = await serve((_, response) => response.end('by proxy'));
  for (const name of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy']) vi.stubEnv(name, proxy.url);
  vi.stubEnv('NODE_USE_ENV_PROXY', '1');
  const { url } = await serve((_, response) =>
    response.writeHead(200, { 'content-type': 'text/plain' }).end('direct'),
  );
  expect(await run({ url }).end).toMatchObject({ body: 'direct' });
  expect(proxy.requests).toHaveLength(0);
});

test('a server that changes the protocol unasked is a failure at once', async () => {
  const server = createTcpServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  expect(await run({ url }).end).toEqual({
    name: 'HttpFailed',
    message: `${url}: answered with another protocol`,
  });
  server.close();
});

test('what cannot be sent is refused at submission already', () => {
  const faults = compilePayloadSchema(payloadSchemaOf(httpHandler([])));
  const fields = (payload: object) => faults(payload).map(({ path }) => path.join('.'));
  expect(
    fields({ url: 'http://a.test', method: 'POST', headers: { 'X-A': 'b' }, body: { any: [1] } }),
  ).toEqual([]);
  expect(fields({})).toEqual(['url']);
  for (const url of [
    'ftp://a.test',
    'http://user:secret@a.test/',
    'http://a.test/x y',
    '//a.test',
    'http://',
    'http://[',
    'http://a.test:99999/',
    'http://1.2.3.4.5/',
  ])
    expect(new Set(fields({ url }))).toEqual(new Set(['url']));
  expect(fields({ url: 'http://a.test', method: 'TRACE' })).toEqual(['method']);
  for (const name of [
    'Host',
    'HOST',
    'content-Length',
    'Transfer-Encoding',
    'a b',
    'a:',
    'Proxy-Authorization',
  ])
    expect(fields({ url: 'http://a.test', headers: { [name]: 'x' } })).toEqual([`headers.${name}`]);
  expect(fields({ url: 'http://a.test', headers: { 'X-A': 'b\r\nHost: c' } })).toEqual(['headers.X-A']);
  expect(fields({ url: 'http://a.test', expectedStatus: [99] })).toEqual(['expectedStatus.0']);
});
