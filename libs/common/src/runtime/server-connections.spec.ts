import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Logger } from '#common/logging/logger.js';
import { endableConnections } from './server-connections.js';

/** A server and what a client sends it first; resolves when the server has read that. */
async function connected(text: string, listener: RequestListener, drainMs?: number) {
  const warn = vi.fn<Logger['warn']>();
  const server = createServer(listener);
  const endConnections = endableConnections(server, { warn } as unknown as Logger, drainMs);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  onTestFinished(() => void client.destroy());
  const [socket] = (await once(server, 'connection')) as [Socket];
  client.write(text);
  await vi.waitFor(() => expect(socket.bytesRead).toBe(text.length));
  const closed = vi.fn<() => void>();
  const close = () => {
    endConnections();
    server.close(closed);
  };
  return { client, close, closed, warn };
}

test('a connection on which nothing was ever asked holds no stop up', async () => {
  const { close, closed, warn } = await connected('', () => undefined);
  close();
  await vi.waitFor(() => expect(closed).toHaveBeenCalled());
  expect(warn).not.toHaveBeenCalled();
});

test('a request that is under way is answered', async () => {
  let answer = (): void => undefined;
  const { client, close, closed } = await connected(
    'GET / HTTP/1.1\r\nhost: a\r\n\r\n',
    (_request, response) => {
      answer = () => void response.end('done');
    },
  );
  close();
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(closed).not.toHaveBeenCalled();
  answer();
  const [text] = (await once(client, 'data')) as [Buffer];
  expect(text.toString()).toMatch(/done$/);
  await vi.waitFor(() => expect(closed).toHaveBeenCalled());
});

test('but one that does not come to its end is cut off', async () => {
  const { close, closed, warn } = await connected('GET / HTTP/1.1\r\nhost:', () => undefined, 300);
  close();
  await vi.waitFor(() => expect(closed).toHaveBeenCalled(), { timeout: 5000 });
  expect(warn).toHaveBeenCalledWith('requests cut off', { connections: 1, afterMs: 300 });
});
