/**
 * Which processes are alive: each shows itself as an ephemeral node that ZooKeeper deletes when its session ends. For
 * people and for the cluster view only; nothing is decided by it.
 */
import { randomUUID } from 'node:crypto';
import type { Logger } from '#common/logging/logger.js';
import { repeat } from '#common/runtime/repeat.js';
import { isFailure } from './zookeeper-error.js';
import type { ZookeeperSession } from './zookeeper-session.js';
import {
  memberPath,
  membersPath,
  parseMember,
  type Identity,
  type MemberContent,
  type MemberKind,
} from './zookeeper-tree.js';

/** How often a process looks whether what it tells about itself has changed, in milliseconds. */
const LOOK_EVERY_MS = 1000;

export interface MembershipContext {
  readonly session: ZookeeperSession;
  /** The node below which everything is kept. */
  readonly root: string;
  readonly identity: Identity;
  readonly log: Logger;
}

interface Joined {
  readonly kind: MemberKind;
  readonly path: string;
  /** Once it is known. */
  content?: string;
}

export class Membership {
  /** Tells our nodes from those of another process with the same id. */
  readonly #run = randomUUID();
  readonly #left = new AbortController();
  #joined: Joined | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(private readonly context: MembershipContext) {}

  /**
   * Shows this process among the members of `kind`, now or as soon as ZooKeeper can be reached, and again after every
   * loss of the session, until `leave`. `look` is asked again and again for what others may want to know about it.
   */
  join(kind: MemberKind, look: () => Promise<object> = () => Promise.resolve({})): void {
    if (this.#joined !== undefined) throw new Error('joined already');
    const { root, session, identity, log } = this.context;
    const { id, host, pid } = identity;
    const about = { id, host, pid, since: new Date().toISOString(), run: this.#run };
    const joined: Joined = { kind, path: memberPath(root, kind, id) };
    this.#joined = joined;
    session.on('connected', this.#show);
    void repeat({ duty: 'tell about itself', signal: this.#left.signal, log }, async () => {
      const content = JSON.stringify({ ...about, info: { ...(await look()) } } satisfies MemberContent);
      if (content !== joined.content) {
        joined.content = content;
        this.#show();
      }
      return LOOK_EVERY_MS;
    });
  }

  /** Takes the node away; when ZooKeeper cannot be reached it goes with the session. Never rejects. */
  async leave(): Promise<void> {
    const joined = this.#joined;
    if (joined === undefined) return;
    const { session, log } = this.context;
    this.#joined = undefined;
    this.#left.abort();
    clearTimeout(this.#retry);
    session.off('connected', this.#show);
    try {
      const { stat } = await session.get(joined.path);
      if (stat.ephemeralOwner === session.id) await session.remove(joined.path);
    } catch (error) {
      log.debug('member node not removed', { path: joined.path, error });
    }
  }

  readonly #show = (): void => {
    clearTimeout(this.#retry);
    // Without a connection this is called again when there is one.
    if (this.#joined !== undefined && this.context.session.connected) void this.#showNow();
  };

  async #showNow(): Promise<void> {
    try {
      if (await this.#ensureNode()) return;
    } catch (error) {
      this.context.log.debug('member node not created yet', { error });
    }
    clearTimeout(this.#retry);
    this.#retry = setTimeout(this.#show, this.context.session.timeoutMs / 3);
  }

  /** Resolves to false when another session holds our name, and the node should be tried again later. */
  async #ensureNode(): Promise<boolean> {
    const { session, root, log } = this.context;
    for (;;) {
      const joined = this.#joined;
      if (joined?.content === undefined) return true;
      try {
        await session.create(joined.path, joined.content, 'ephemeral');
        // Watched, so that it comes back when somebody deletes it.
        await session.get(joined.path, this.#show);
        return true;
      } catch (error) {
        if (isFailure(error, 'no-node')) await session.createParents(membersPath(root, joined.kind));
        else if (!isFailure(error, 'node-exists')) throw error;
      }
      try {
        const { content, stat } = await session.get(joined.path, this.#show);
        if (stat.ephemeralOwner === session.id) {
          if (content.toString() !== joined.content) await session.set(joined.path, joined.content);
          return true;
        }
        if (parseMember(content)?.run !== this.#run) {
          // Of a process that died a moment ago, which takes a session timeout to be noticed; or of one that lives.
          log.warn('member name is taken, waiting for it', { path: joined.path });
          return false;
        }
        // From our own last session, which ZooKeeper has not cleared away yet.
        await session.remove(joined.path);
      } catch (error) {
        if (!isFailure(error, 'no-node')) throw error; // gone meanwhile: create it
      }
    }
  }
}
