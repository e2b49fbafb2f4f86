import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { connectionOf } from './connection.js';
import { streamEvents } from './event-stream.js';
import { ProblemError } from './errors.js';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

type Answer = (response: ServerResponse) => void;

/** Answers one request after the other as the test says, and keeps what they asked. */
async function storeThat(...answers: Answer[]): Promise<{ url: URL; asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = [];
  const answering = createServer((request, response) => {
    asked.push(request);
    answers[asked.length - 1]?.(response);
  });
  server = answering;
  await new Promise<void>((resolve) => answering.listen(0, '127.0.0.1', resolve));
  return { url: new URL(`http://127.0.0.1:${(answering.address() as AddressInfo).port}`), asked };
}

const stream = (text: string, end: 'ends' | 'breaks'): Answer => {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    response.write(text, () => (end === 'ends' ? response.end() : response.destroy()));
  };
};
const status =
  (code: number): Answer =>
  (response) =>
    response
      .writeHead(code, { 'content-type': 'application/problem+json' })
      .end(
        JSON.stringify({ type: 'urn:triumvir:problem:not-found', title: 'No', detail: 'no', status: code }),
      );

async function read(url: URL, signal = new AbortController().signal) {
  const messages = [];
  for await (const message of streamEvents(connectionOf({ baseUrl: url, signal }), { path: 'events' }))
    messages.push(message);
  return messages;
}

test('a stream that ends or breaks is gone on with from the last id, until there is no more', async () => {
  const { url, asked } = await storeThat(
    stream('id: a\nevent: job\ndata: 1\n\n', 'ends'),
    stream(': still here\nid: b\n\nevent: job\nda', 'breaks'),
    status(503),
    stream('event: job\ndata: 2\n\nid: done\nevent: done\ndata: {}\n\n', 'ends'),
  );
  expect(await read(url)).toEqual([
    { event: 'job', data: 1 },
    { event: 'job', data: 2 },
    { event: 'done', data: {} },
  ]);
  expect(asked.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, 'a', 'b', 'b']);
});

test('an answer of 204 means that everything has been told', async () => {
  const { url } = await storeThat((response) => response.writeHead(204).end());
  expect(await read(url)).toEqual([]);
});

test('a refusal is an error at once', async () => {
  const { url, asked } = await storeThat(status(404));
  await expect(read(url)).rejects.toThrow(ProblemError);
  expect(asked).toHaveLength(1);
});

test('what is no stream of events is said to be none', async () => {
  const { url } = await storeThat((response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
  );
  await expect(read(url)).rejects.toThrow('no stream of events');
});

test('an interruption ends it with its reason, while it waits for the next event too', async () => {
  const { url } = await storeThat((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('event: job\ndata: 1\n\n');
  });
  const interruption = new AbortController();
  const events = streamEvents(connectionOf({ baseUrl: url, signal: interruption.signal }), {
    path: 'events',
  });
  expect((await events.next()).value).toEqual({ event: 'job', data: 1 });
  const next = events.next();
  interruption.abort(new Error('enough'));
  await expect(next).rejects.toThrow('enough');
});

test('a stream that ends before anything came is asked for again only after a while, longer each time', async () => {
  const empty = stream('', 'ends');
  const { url, asked } = await storeThat(empty, empty, empty, stream('id: done\n\n', 'ends'));
  const begun = performance.now();
  expect(await read(url)).toEqual([]);
  expect(asked).toHaveLength(4);
  // The least of the pauses: half of 100, 200 and 400 ms. Timers may be a moment early.
  expect(performance.now() - begun).toBeGreaterThan(340);
});
