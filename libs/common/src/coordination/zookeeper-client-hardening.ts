/**
 * node-zookeeper-client 1.1.3 as it has to be to run for months: it speaks the protocol well, but trusts the network
 * and the server. Each of its traps is defused here and nowhere else, by wrapping methods of its connection manager;
 * the version is pinned, because these are internals. Read it next to lib/ConnectionManager.js of that package.
 */
import type { Socket } from 'node:net';
import { createClient, type Client } from 'node-zookeeper-client';

/** A request that waits to be sent, or for its answer. */
interface Packet {
  readonly callback: (error: Error) => void;
}

/** Exactly those internals of the library's connection manager that are used below. */
interface ConnectionManager {
  state: number;
  socket?: Socket;
  zxid: Buffer;
  pendingBuffer: Buffer | null;
  pingTimeout: number;
  connectTimeoutHandler: NodeJS.Timeout | null;
  readonly pendingQueue: Packet[];
  readonly packetQueue: { readonly queue: Packet[] };
  on(event: 'state', listener: (state: number) => void): void;
  findNextServer(callback: (server: object) => void): void;
  updateTimeout(sessionTimeoutMs: number): void;
  onSocketData(chunk: Buffer): void;
  onSocketClosed(hadError: boolean): void;
}

const CONNECTED = 2;
const CLOSING = -1;
const CLOSED = -2;

/** A ping is sent after this part of the session timeout without traffic. */
const PINGS_PER_TIMEOUT = 9;
/** The watchdog looks this often in one session timeout, and cuts the connection after so many looks in silence. */
const LOOKS_PER_TIMEOUT = 12;
const SILENT_LOOKS = 4;
/** No frame of ours comes near this; what claims to be longer is no ZooKeeper. */
const LONGEST_FRAME = 16 * 1024 * 1024;

export interface HardenedClient {
  readonly client: Client;
  /** Cuts the connection and connects again, to the next server, in the same session. */
  reconnect(): void;
  /** Ends the session on the server, waiting at most so long for its answer; then lets go of everything. */
  close(withinMs: number): Promise<void>;
  /** Lets go of everything at once, and emits nothing any more; safe at any time. */
  discard(): void;
}

/** @param onFault told of every frame that could not be handled, and therefore cost the connection */
export function createHardenedClient(
  servers: string,
  sessionTimeoutMs: number,
  onFault: (fault: Error) => void,
): HardenedClient {
  const client = createClient(servers, {
    sessionTimeout: sessionTimeoutMs,
    // Trap: with retries, a create whose answer was lost is sent a second time and leaves two nodes.
    retries: 0,
    // Longest pause (it is random) after all servers have been tried.
    spinDelay: Math.min(1000, sessionTimeoutMs / 4),
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- internals, which the package does not declare
  const manager = (client as unknown as { readonly connectionManager: ConnectionManager }).connectionManager;
  const original = {
    findNextServer: manager.findNextServer.bind(manager),
    updateTimeout: manager.updateTimeout.bind(manager),
    onSocketData: manager.onSocketData.bind(manager),
    onSocketClosed: manager.onSocketClosed.bind(manager),
  };
  let discarded = false;
  let timeoutMs = sessionTimeoutMs;
  let lastServedAt = performance.now();
  let silentLooks = 0;
  let watchdog: NodeJS.Timeout | undefined;

  // Trap: the library waits for ever for a server that accepts connections and is silent, in the handshake or later.
  // Silence is counted in looks of our own timer, not in time on a clock: when this process was itself held up (a long
  // computation, a sleeping laptop), that counts as one look, and the server is not blamed for it.
  const watch = () => {
    clearInterval(watchdog);
    watchdog = setInterval(() => {
      silentLooks += 1;
      if (silentLooks >= SILENT_LOOKS) manager.socket?.destroy();
    }, timeoutMs / LOOKS_PER_TIMEOUT);
    watchdog.unref();
  };

  manager.updateTimeout = (negotiatedMs) => {
    original.updateTimeout(negotiatedMs);
    timeoutMs = negotiatedMs;
    manager.pingTimeout = Math.floor(negotiatedMs / PINGS_PER_TIMEOUT);
    watch();
  };
  manager.updateTimeout(sessionTimeoutMs);

  manager.findNextServer = (callback) => {
    original.findNextServer((server) => {
      // Trap: a client that was closed while it waited for its next try connects all the same.
      if (discarded) return;
      silentLooks = 0;
      // Trap: a server that knows only older transactions than this client refuses it without a word. That is right
      // for a server that lags behind, but after the ensemble has lost its data it would be so for ever, and the
      // client never told that its session is gone. Whoever was away for a whole session timeout has no recent reads
      // to be consistent with, so it starts from nothing and lets the server judge the session.
      if (performance.now() - lastServedAt > timeoutMs) manager.zxid = Buffer.alloc(8);
      callback(server);
    });
  };

  manager.onSocketData = (chunk) => {
    // Trap: what was received before is parsed on after the connection was given up.
    if (manager.socket?.destroyed) return;
    silentLooks = 0;
    const awaited = manager.pendingQueue[0];
    try {
      const frame = manager.pendingBuffer ?? chunk;
      if (frame.length >= 4 && frame.readUInt32BE(0) > LONGEST_FRAME)
        throw new Error('not a ZooKeeper server');
      original.onSocketData(chunk);
      if (manager.state === CONNECTED) lastServedAt = performance.now();
    } catch (thrown) {
      // Trap: an error code that the library does not know, and any frame it cannot read, throws out of the socket's
      // handler and ends the process. It is handed to the request it answers, which the library has taken off its
      // queue by then, and we start afresh on a new connection.
      const fault = thrown instanceof Error ? thrown : new Error(String(thrown));
      onFault(fault);
      manager.socket?.destroy();
      if (awaited !== undefined && manager.pendingQueue[0] !== awaited) awaited.callback(fault);
    }
  };

  manager.onSocketClosed = (hadError) => {
    // Trap: half a frame from the old connection would be put before the first frame of the new one, which then never
    // makes sense.
    manager.pendingBuffer = null;
    // Trap: the timer for this connection's start may still run, and would cut the next connection.
    if (manager.connectTimeoutHandler !== null) clearTimeout(manager.connectTimeoutHandler);
    // Trap: what was not sent yet is kept, without a word, for the next connection. A request's caller has given up by
    // then, and a late create would leave a node that nobody knows; and the watches to be set again, which every try
    // to connect adds anew, would pile up. So all that fails together with what was sent.
    manager.pendingQueue.push(...manager.packetQueue.queue.splice(0));
    original.onSocketClosed(hadError);
  };

  const discard = () => {
    discarded = true;
    clearInterval(watchdog);
    client.removeAllListeners();
    // Not close(): that throws before there is a socket, and writes into a connection that has not shaken hands.
    manager.state = CLOSING;
    manager.socket?.destroy();
  };

  return {
    client,
    discard,
    reconnect: () => manager.socket?.destroy(),
    close: async (withinMs) => {
      if (manager.state === CONNECTED) {
        await new Promise<void>((resolve) => {
          const limit = setTimeout(resolve, withinMs);
          manager.on('state', (state) => {
            if (state !== CLOSED) return;
            clearTimeout(limit);
            resolve();
          });
          client.close();
        });
      }
      discard();
    },
  };
}
