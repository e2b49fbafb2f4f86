/** Looks at ZooKeeper from outside of any service, for whoever wants to know what is wrong. */
import { once } from 'node:events';
import type { ZookeeperEnvironment } from '#common/config/environment.js';
import { createLogger } from '#common/logging/logger.js';
import { ZookeeperError } from './zookeeper-error.js';
import { ZookeeperSession } from './zookeeper-session.js';

export interface ZookeeperFindings {
  /** Whether the tree that everything is kept in exists: services make it when they first start. */
  readonly hasTree: boolean;
}

/** @throws when no session could be had within `timeoutMs` */
export async function probeZookeeper(
  environment: ZookeeperEnvironment,
  timeoutMs: number,
): Promise<ZookeeperFindings> {
  // What the session has to say along the way is in what this returns or throws.
  const log = createLogger({ service: 'probe', instance: 'probe', level: 'error', format: 'json' });
  const session = new ZookeeperSession({
    servers: environment.ZOOKEEPER_HOST,
    sessionTimeoutMs: environment.ZOOKEEPER_SESSION_TIMEOUT_MS,
    log,
  });
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), timeoutMs);
  try {
    session.open();
    await once(session, 'connected', { signal: late.signal }).catch(() => {
      throw new Error(`no session within ${timeoutMs / 1000} s`);
    });
    await session.children(environment.ZOOKEEPER_ROOT);
    return { hasTree: true };
  } catch (error) {
    if (error instanceof ZookeeperError && error.failure === 'no-node') return { hasTree: false };
    throw error;
  } finally {
    clearTimeout(timer);
    await session.close();
  }
}
