/** The errors of ZooKeeper in the words of this library, so that callers need not know its numbers. */
import { Exception } from 'node-zookeeper-client';

export type ZookeeperFailure =
  /** There is no such node. */
  | 'no-node'
  /** There is such a node already. */
  | 'node-exists'
  /** The node is there, but its data have another version than the one asked for. */
  | 'bad-version'
  /** The connection was lost: the request may have been carried out, or not. */
  | 'connection-loss'
  /** The session, and every ephemeral node of it, is gone. */
  | 'session-expired'
  /** No answer in time: the request may have been carried out, or not. */
  | 'timeout'
  /** Anything else; `code` tells more. */
  | 'other';

/** Thrown by every request of a ZookeeperSession that fails. */
export class ZookeeperError extends Error {
  override readonly name = 'ZookeeperError';

  constructor(
    readonly failure: ZookeeperFailure,
    /** The node that the request was about. */
    readonly path: string,
    /** ZooKeeper's own number of the error, where it gave one. */
    readonly code?: number,
    options?: ErrorOptions,
  ) {
    super(`ZooKeeper: ${failure}${code === undefined ? '' : ` (${code})`} at ${path}`, options);
  }

  /** What the client library reported, as a ZookeeperError. */
  static from(error: Error | Exception, path: string): ZookeeperError {
    if (error instanceof ZookeeperError) return error;
    const code = 'code' in error && typeof error.code === 'number' ? error.code : undefined;
    const failure = code === undefined ? undefined : FAILURES.get(code);
    return new ZookeeperError(failure ?? 'other', path, code, { cause: error });
  }
}

const FAILURES: ReadonlyMap<number, ZookeeperFailure> = new Map([
  [Exception.NO_NODE, 'no-node'],
  [Exception.NODE_EXISTS, 'node-exists'],
  [Exception.BAD_VERSION, 'bad-version'],
  [Exception.CONNECTION_LOSS, 'connection-loss'],
  [Exception.SESSION_EXPIRED, 'session-expired'],
]);

export function isFailure(error: unknown, failure: ZookeeperFailure): boolean {
  return error instanceof ZookeeperError && error.failure === failure;
}
