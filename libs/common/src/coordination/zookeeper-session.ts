/**
 * A connection to ZooKeeper that is always on its way back: it connects in the background, reconnects for ever, and
 * after the session has expired begins a new one. Requests never wait for a connection: they are answered, or fail
 * within a bounded time with a ZookeeperError, and callers try again when `connected` is emitted.
 */
import { EventEmitter } from 'node:events';
import { CreateMode, type Client, type Exception, type Stat } from 'node-zookeeper-client';
import type { Logger } from '#common/logging/logger.js';
import { createHardenedClient, type HardenedClient } from './zookeeper-client-hardening.js';
import { ZookeeperError } from './zookeeper-error.js';

export interface ZookeeperSessionOptions {
  /** host:port, or several with commas between. */
  readonly servers: string;
  /** What is asked for; the server rounds it to between 2 and 20 of its ticks. */
  readonly sessionTimeoutMs: number;
  readonly log: Logger;
}

/**
 * `connected`: requests can be made; the session is a new one when `id` differs from before.
 * `suspended`: the connection is lost, the session (and its ephemeral nodes) may live on.
 * `expired`: the session is over and its ephemeral nodes are gone; a new one begins by itself, unless it was closed.
 */
export type SessionEvents = { connected: []; suspended: []; expired: [] };

export interface Node {
  readonly content: Buffer;
  readonly stat: NodeStat;
}

export interface NodeStat {
  /** The transaction in which the node was created. */
  readonly czxid: bigint;
  /** The transaction in which its content was last written. */
  readonly mzxid: bigint;
  /** Id of the session the node lives and dies with; 0 for one that stays. */
  readonly ephemeralOwner: bigint;
}

/** `ephemeral` nodes go with the session; ZooKeeper appends ten digits to the name of a `sequential` one. */
export type NodeKind = 'persistent' | 'ephemeral' | 'ephemeral-sequential';

const CREATE_MODES: Record<NodeKind, number> = {
  persistent: CreateMode.PERSISTENT,
  ephemeral: CreateMode.EPHEMERAL,
  'ephemeral-sequential': CreateMode.EPHEMERAL_SEQUENTIAL,
};

/** A version that no node ever has: a node's version counts its changes. */
const NO_VERSION = 0x7f_ff_ff_ff;
const CLOSE_WITHIN_MS = 1000;
/** So long a new session may take before the log says that it does. */
const PATIENCE_MS = 5000;
/** Of the session timeout: longer than the watchdog takes to notice a dead connection, shorter than the session. */
const REQUEST_TIMEOUT_SHARE = 2 / 3;

type Failure = Error | Exception | null;
/** Gets either a failure, or a value. */
type Reply<T> = (failure: Failure, value: T) => void;

export class ZookeeperSession extends EventEmitter<SessionEvents> {
  readonly #options: ZookeeperSessionOptions;
  readonly #log: Logger;
  #client: HardenedClient | undefined;
  #phase: 'new' | 'connecting' | 'connected' | 'suspended' | 'closed' = 'new';
  #id = 0n;
  #patience: NodeJS.Timeout | undefined;

  constructor(options: ZookeeperSessionOptions) {
    super();
    this.#options = options;
    this.#log = options.log;
    // One listener per election and membership; their number is no sign of a leak.
    this.setMaxListeners(0);
  }

  /** Begins to connect, in the background. */
  open(): void {
    if (this.#phase === 'new') this.#begin();
  }

  /** True while requests can be made: what a readiness check asks. */
  get connected(): boolean {
    return this.#phase === 'connected';
  }

  /** Id of the present session, connected or suspended; 0 before the first and between two. */
  get id(): bigint {
    return this.#id;
  }

  /** The session timeout that the server granted, in milliseconds; the one asked for before it did. */
  get timeoutMs(): number {
    return this.#client?.client.getSessionTimeout() ?? this.#options.sessionTimeoutMs;
  }

  /** Creates a node and returns its path, which for a sequential one is longer than `path`. */
  create(path: string, content: string, kind: NodeKind): Promise<string> {
    return this.#request<string>(path, (client, reply) =>
      client.create(path, Buffer.from(content), CREATE_MODES[kind], reply),
    );
  }

  /** Creates `path` and every node above it, as far as they are missing. */
  async createParents(path: string): Promise<void> {
    const segments = path.split('/').slice(1);
    for (let depth = 1; depth <= segments.length; depth += 1) {
      const parent = `/${segments.slice(0, depth).join('/')}`;
      await this.create(parent, '', 'persistent').catch((error: unknown) => {
        if (!(error instanceof ZookeeperError) || error.failure !== 'node-exists') throw error;
      });
    }
  }

  /**
   * Reads a node. `watcher`, when given and the node exists, is called once when it is changed or deleted; the same
   * function on the same node counts once. It survives reconnects and ends with the session.
   */
  get(path: string, watcher?: () => void): Promise<Node> {
    return this.#request<Node>(path, (client, reply) => {
      const answer = (failure: Failure, content: Buffer | undefined, stat: Stat | undefined) =>
        reply(failure, { content: content ?? Buffer.alloc(0), stat: readStat(stat) });
      if (watcher === undefined) client.getData(path, answer);
      else client.getData(path, watcher, answer);
    });
  }

  async set(path: string, content: string): Promise<void> {
    await this.#request<Stat>(path, (client, reply) => client.setData(path, Buffer.from(content), reply));
  }

  children(path: string): Promise<string[]> {
    return this.#request<string[]>(path, (client, reply) => client.getChildren(path, reply));
  }

  async remove(path: string): Promise<void> {
    await this.#request<undefined>(path, (client, reply) =>
      client.remove(path, (failure) => reply(failure, undefined)),
    );
  }

  /**
   * Resolves when a quorum of the ensemble says that the node exists. A read does not show that: a server that is cut
   * off from its ensemble still answers those from memory. This is a write, which only a quorum can answer, but one
   * that asks for a version no node has: so it changes nothing and wakes nobody who watches the node.
   * @throws ZookeeperError `no-node` when it does not exist.
   */
  async prove(path: string): Promise<void> {
    await this.#request<Stat>(path, (client, reply) =>
      client.setData(path, Buffer.alloc(0), NO_VERSION, reply),
    ).catch((error: unknown) => {
      if (!(error instanceof ZookeeperError) || error.failure !== 'bad-version') throw error;
    });
  }

  /** Ends the session, and with it every ephemeral node, and stays closed. Bounded in time; never rejects. */
  async close(): Promise<void> {
    if (this.#phase === 'closed') return;
    const hadSession = this.#id !== 0n;
    this.#phase = 'closed';
    this.#id = 0n;
    clearTimeout(this.#patience);
    await this.#client?.close(CLOSE_WITHIN_MS);
    if (hadSession) this.emit('expired');
  }

  #begin(): void {
    const { servers, sessionTimeoutMs } = this.#options;
    const hardened = createHardenedClient(servers, sessionTimeoutMs, (fault) =>
      this.#log.warn('ZooKeeper said what cannot be understood, connecting again', { fault }),
    );
    const { client } = hardened;
    this.#client = hardened;
    this.#phase = 'connecting';
    clearTimeout(this.#patience);
    this.#patience = setTimeout(
      () => this.#log.warn('ZooKeeper not reached yet, still trying', { servers }),
      PATIENCE_MS,
    ).unref();
    client.on('connected', () => this.#onConnected(client));
    client.on('disconnected', () => this.#onDisconnected());
    client.on('expired', () => this.#onExpired(hardened));
    client.connect();
  }

  #onConnected(client: Client): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'connected';
    clearTimeout(this.#patience);
    this.#id = client.getSessionId().readBigUInt64BE();
    this.#log.info('ZooKeeper connected', { session: hex(this.#id), timeoutMs: this.timeoutMs });
    this.emit('connected');
  }

  #onDisconnected(): void {
    if (this.#phase !== 'connected') return;
    this.#phase = 'suspended';
    this.#log.warn('ZooKeeper connection lost, reconnecting', { session: hex(this.#id) });
    this.emit('suspended');
  }

  // A client whose session expired is of no use any more: the library never connects it again.
  #onExpired(expired: HardenedClient): void {
    expired.discard();
    if (this.#phase === 'closed') return;
    this.#log.warn('ZooKeeper session expired, beginning a new one', { session: hex(this.#id) });
    this.#id = 0n;
    this.#begin();
    this.emit('expired');
  }

  #request<T>(path: string, send: (client: Client, reply: Reply<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const hardened = this.#client;
      // Not handed to the library, which would keep it and send it at some later time.
      if (hardened === undefined || !this.connected) {
        reject(new ZookeeperError('connection-loss', path));
        return;
      }
      const limit = setTimeout(() => {
        reject(new ZookeeperError('timeout', path));
        // Pings are answered, or the connection would be cut by now, but requests are not: try another server.
        hardened.reconnect();
      }, this.timeoutMs * REQUEST_TIMEOUT_SHARE);
      try {
        send(hardened.client, (failure, value) => {
          clearTimeout(limit);
          if (failure) reject(ZookeeperError.from(failure, path));
          else resolve(value);
        });
      } catch (error) {
        clearTimeout(limit);
        reject(error);
      }
    });
  }
}

function readStat(stat: Stat | undefined): NodeStat {
  return {
    czxid: stat?.czxid.readBigInt64BE() ?? 0n,
    mzxid: stat?.mzxid.readBigInt64BE() ?? 0n,
    ephemeralOwner: stat?.ephemeralOwner.readBigUInt64BE() ?? 0n,
  };
}

/** Session ids as ZooKeeper's own tools print them. */
function hex(id: bigint): string {
  return `0x${id.toString(16)}`;
}
