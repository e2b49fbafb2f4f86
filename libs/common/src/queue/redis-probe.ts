/** Looks at Redis from outside of any service, for whoever wants to know what is wrong. */
import type { RedisEnvironment } from '#common/config/environment.js';
import { clientOf } from './redis-connection.js';

export interface RedisFindings {
  readonly version: string;
  /** What Redis does when its memory is full; a queue can bear `noeviction` alone. Undefined when it does not tell. */
  readonly evictionPolicy: string | undefined;
}

/** @throws when Redis cannot be reached or does not let us in within `timeoutMs` */
export async function probeRedis(environment: RedisEnvironment, timeoutMs: number): Promise<RedisFindings> {
  const redis = clientOf(environment, {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let fault: unknown;
  // What went wrong is told here; the promise says only that the connection is closed.
  redis.on('error', (error: unknown) => (fault = error));
  try {
    await redis.connect();
    const info = await redis.info();
    const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
    return { version: field('redis_version') ?? 'unknown', evictionPolicy: field('maxmemory_policy') };
  } catch (error) {
    throw fault ?? error;
  } finally {
    redis.disconnect();
  }
}
