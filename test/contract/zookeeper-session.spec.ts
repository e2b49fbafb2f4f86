/** What ZookeeperSession promises whatever servers and networks do, the traps of the client library among it. */
import { createServer, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ZookeeperSession } from '#common/coordination/zookeeper-session.js';
import { createLogger } from '#common/logging/logger.js';
import { freePort } from '#tools/servers/server-process.js';
import { uniqueZookeeperRoot } from '../support/environment.js';
import { eventually } from '../support/eventually.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { SESSION_TIMEOUT_MS } from './support/instance.js';
import { TestZookeeper } from './support/zookeeper.js';

let zookeeper: TestZookeeper;
let proxy: TcpProxy;
let path: string;
let sessions: ZookeeperSession[];

beforeAll(async () => {
  zookeeper = await TestZookeeper.start();
});

afterAll(() => zookeeper.stop());

beforeEach(async () => {
  path = uniqueZookeeperRoot();
  sessions = [];
  proxy = await TcpProxy.to(zookeeper.server.port);
});

afterEach(async () => {
  await Promise.all(sessions.map((session) => session.close()));
  await proxy.close();
});

function newSession(servers = `127.0.0.1:${proxy.port}`): ZookeeperSession {
  const log = createLogger({
    service: 'test',
    instance: 'session',
    level: process.env['LOG_LEVEL'] ?? 'none',
    format: 'pretty',
  });
  const session = new ZookeeperSession({ servers, sessionTimeoutMs: SESSION_TIMEOUT_MS, log });
  sessions.push(session);
  return session;
}

async function connectedSession(servers?: string): Promise<ZookeeperSession> {
  const session = newSession(servers);
  session.open();
  await eventually(() => session.connected);
  return session;
}

describe('a server that is silent', () => {
  it('is noticed within half the session timeout, and the session goes on when it speaks again', async () => {
    const session = await connectedSession();
    const { id } = session;
    proxy.fallSilent();
    await eventually(() => !session.connected, { within: SESSION_TIMEOUT_MS / 2 });
    proxy.heal();
    await eventually(() => session.connected);
    expect(session.id).toBe(id);
  });

  it('because it is frozen is noticed as well', async () => {
    const session = await connectedSession(zookeeper.address);
    zookeeper.server.pause();
    try {
      await eventually(() => !session.connected, { within: SESSION_TIMEOUT_MS / 2 });
    } finally {
      zookeeper.server.resume();
    }
    await eventually(() => session.connected);
    expect(await session.children('/')).toContain('zookeeper');
  });

  it('from the start does not keep the session from a server that answers', async () => {
    const silent = await listening(createServer());
    const session = await connectedSession(`127.0.0.1:${portOf(silent)},${zookeeper.address}`);
    expect(await session.create(path, '', 'ephemeral')).toBe(path);
    silent.close();
  });

  it('only for requests is left for another after a bounded time', async () => {
    const session = await connectedSession();
    const before = proxy.accepted;
    // Pings pass, with their xid of -2; every other answer is lost.
    proxy.filterReplies((chunk) => (chunk.readInt32BE(4) === -2 ? chunk : 'drop'));
    await expect(session.children('/')).rejects.toMatchObject({ failure: 'timeout', path: '/' });
    expect(proxy.accepted).toBe(before);
    proxy.filterReplies((chunk) => chunk);
    await eventually(() => proxy.accepted > before && session.connected);
    expect(await session.children('/')).toContain('zookeeper');
  });
});

describe('a connection', () => {
  it('that is idle stays', async () => {
    const session = await connectedSession();
    const lost: string[] = [];
    session.on('suspended', () => lost.push('suspended'));
    await new Promise((resolve) => {
      setTimeout(resolve, 2 * SESSION_TIMEOUT_MS);
    });
    expect(lost).toEqual([]);
    expect(proxy.accepted).toBe(1);
  });

  it('that is cut in the middle of a frame is followed by one that works', async () => {
    const session = await connectedSession();
    const { id } = session;
    proxy.filterReplies((chunk) => ({ cutAfter: chunk.subarray(0, 9) }));
    await expect(session.children('/')).rejects.toMatchObject({ failure: 'connection-loss' });
    proxy.heal();
    await eventually(() => session.connected);
    expect(session.id).toBe(id);
    expect(await session.children('/')).toContain('zookeeper');
  });

  // The answer to a handshake has 40 bytes.
  it('that is cut at any byte of the handshake is followed by one that works', async () => {
    for (const bytes of [0, 1, 3, 4, 5, 20, 39]) {
      proxy.filterReplies((chunk) => ({ cutAfter: chunk.subarray(0, bytes) }));
      const session = newSession();
      const before = proxy.accepted;
      session.open();
      await eventually(() => proxy.accepted > before + 1);
      expect(session.connected).toBe(false);
      proxy.heal();
      await eventually(() => session.connected);
      await session.close();
    }
  });

  it('on which answers arrive in single bytes works', async () => {
    const session = await connectedSession();
    proxy.trickle = true;
    expect(await session.children('/')).toContain('zookeeper');
    await session.create(path, 'content', 'ephemeral');
    expect((await session.get(path)).content.toString()).toBe('content');
  });

  it.each([
    ['an error code that the client library does not know', (chunk: Buffer) => withError(chunk, -127)],
    ['an answer nobody asked for', (chunk: Buffer) => Buffer.concat([withXid(chunk, 99_999), chunk])],
    ['a frame of nonsense', () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['a frame with a negative length', () => Buffer.from([0xff, 0xff, 0xff, 0xf0, 1, 2, 3, 4])],
    ['a frame too short for what it should hold', () => Buffer.from([0, 0, 0, 2, 1, 2])],
  ])('that brings %s fails the request and harms nothing else', async (_, corrupt) => {
    const session = await connectedSession();
    const { id } = session;
    proxy.filterReplies((chunk) => (chunk.readInt32BE(4) === -2 ? chunk : corrupt(chunk)));
    await expect(session.children('/')).rejects.toMatchObject({ name: 'ZookeeperError' });
    proxy.filterReplies((chunk) => chunk);
    await eventually(async () => expect(await session.children('/')).toContain('zookeeper'));
    expect(session.id).toBe(id);
  });

  it('that is lost fails what was asked and what is asked meanwhile, at once, and sends none of it later', async () => {
    const session = await connectedSession();
    proxy.fallSilent();
    const asked = session.create(path, '', 'persistent');
    await expect(asked).rejects.toMatchObject({ failure: 'connection-loss' });
    expect(session.connected).toBe(false);
    await expect(session.create(path, '', 'persistent')).rejects.toMatchObject({
      failure: 'connection-loss',
    });
    proxy.heal();
    await eventually(() => session.connected);
    await expect(session.get(path)).rejects.toMatchObject({ failure: 'no-node', path });
  });

  it('that needed several tries sets the watches again once, not once for every try', async () => {
    const session = await connectedSession();
    await session.create(path, '', 'persistent');
    await session.get(path, () => undefined);
    proxy.filterReplies(() => ({ cutAfter: Buffer.alloc(0) }));
    const before = proxy.accepted;
    proxy.cut();
    await eventually(() => proxy.accepted > before + 3);
    const answers: Buffer[] = [];
    proxy.filterReplies((chunk) => {
      answers.push(...framesOf(chunk));
      return chunk;
    });
    await eventually(() => session.connected);
    await session.prove(path);
    const [handshake, ...rest] = answers;
    expect(handshake).toBeDefined();
    // To the watches, and to the proof.
    expect(rest.filter((frame) => frame.readInt32BE(4) >= 0)).toHaveLength(2);
  });

  it('that is lost takes no watch with it', async () => {
    const session = await connectedSession();
    const other = await connectedSession(zookeeper.address);
    await other.create(path, '', 'persistent');
    let called = 0;
    const watcher = () => (called += 1);
    await session.get(path, watcher);
    await session.get(path, watcher);
    proxy.refuse();
    await eventually(() => !session.connected);
    await other.remove(path);
    proxy.heal();
    await eventually(() => expect(called).toBe(1));
  });
});

describe('a session', () => {
  it('that expired is followed by a new one, and says so once', async () => {
    const session = await connectedSession();
    const { id } = session;
    const events: string[] = [];
    for (const event of ['connected', 'suspended', 'expired'] as const)
      session.on(event, () => events.push(event));
    await session.create(path, '', 'ephemeral');
    const observer = await connectedSession(zookeeper.address);
    proxy.refuse();
    await eventually(() =>
      observer.get(path).then(
        () => false,
        () => true,
      ),
    );
    proxy.heal();
    await eventually(() => session.connected && session.id !== id);
    expect(events).toEqual(['suspended', 'expired', 'connected']);
    expect(await session.create(path, '', 'ephemeral')).toBe(path);
  });

  it('proves by a quorum that a node exists, without changing it', async () => {
    const session = await connectedSession();
    await session.create(path, 'content', 'persistent');
    const before = await session.get(path);
    await session.prove(path);
    expect(await session.get(path)).toEqual(before);
    await session.remove(path);
    await expect(session.prove(path)).rejects.toMatchObject({ failure: 'no-node' });
  });

  it('tells apart why a request failed', async () => {
    const session = await connectedSession();
    await session.create(path, '', 'persistent');
    await expect(session.create(path, '', 'persistent')).rejects.toMatchObject({ failure: 'node-exists' });
    await session.create(`${path}/child`, '', 'persistent');
    await expect(session.remove(path)).rejects.toMatchObject({ failure: 'other', code: -111 });
    await expect(session.get('no path')).rejects.toThrow('path');
  });
});

describe('closing', () => {
  it('deletes the ephemeral nodes at once and leaves it closed', async () => {
    const session = await connectedSession();
    const observer = await connectedSession(zookeeper.address);
    await session.create(path, '', 'ephemeral');
    await session.close();
    await expect(observer.get(path)).rejects.toMatchObject({ failure: 'no-node' });
    session.open();
    expect(session.connected).toBe(false);
    await expect(session.get('/')).rejects.toMatchObject({ failure: 'connection-loss' });
  });

  it.each([
    ['before it was opened', async () => newSession()],
    ['just opened', async () => opened(newSession())],
    ['where nobody listens', async () => opened(newSession(`127.0.0.1:${await freePort()}`))],
    [
      'in the handshake',
      async () => {
        proxy.fallSilent();
        const session = opened(newSession());
        await eventually(() => proxy.accepted === 1);
        return session;
      },
    ],
    [
      'while it is suspended',
      async () => {
        const session = await connectedSession();
        proxy.refuse();
        await eventually(() => !session.connected);
        return session;
      },
    ],
    [
      'while the server is silent',
      async () => {
        const session = await connectedSession();
        proxy.fallSilent();
        return session;
      },
    ],
    ['twice', async () => closing(await connectedSession())],
  ])('a session %s ends in bounded time, and nothing connects afterwards', async (_, prepare) => {
    const session = await prepare();
    const from = performance.now();
    await session.close();
    expect(performance.now() - from).toBeLessThan(1500);
    const { accepted } = proxy;
    proxy.heal();
    await new Promise((resolve) => {
      setTimeout(resolve, SESSION_TIMEOUT_MS / 2);
    });
    expect(proxy.accepted).toBe(accepted);
    expect(session.connected).toBe(false);
  });
});

function opened(session: ZookeeperSession): ZookeeperSession {
  session.open();
  return session;
}

function closing(session: ZookeeperSession): ZookeeperSession {
  void session.close();
  return session;
}

async function listening(server: Server): Promise<Server> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP server');
  return address.port;
}

function framesOf(chunk: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < chunk.length; at += 4 + chunk.readInt32BE(at)) {
    frames.push(chunk.subarray(at, at + 4 + chunk.readInt32BE(at)));
  }
  return frames;
}

/** An answer is its length (4 bytes), the number of the request (4), a transaction (8), an error code (4), and the rest. */
function withError(answer: Buffer, code: number): Buffer {
  const changed = Buffer.from(answer);
  changed.writeInt32BE(code, 16);
  return changed;
}

function withXid(answer: Buffer, xid: number): Buffer {
  const changed = Buffer.from(answer);
  changed.writeInt32BE(xid, 4);
  return changed;
}
