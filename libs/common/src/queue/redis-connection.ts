/** Connections to Redis, for the two ways in which they are used. */
import { Redis, type RedisOptions } from 'ioredis';
import type { RedisEnvironment } from '#common/config/environment.js';
import type { Logger } from '#common/logging/logger.js';

const MAX_RECONNECT_PAUSE_MS = 1000;
/** How soon a Redis that is still reading its file is asked again, in milliseconds. Left to its own guess it may be 10 s. */
const MAX_LOADING_PAUSE_MS = 250;
/** A publisher would rather hear of a failure than wait for a silent server, in milliseconds. */
const COMMAND_TIMEOUT_MS = 5000;
/** What a look whether Redis can be written to leaves there vanishes by itself, in milliseconds. */
const READY_KEY_MS = 10_000;

/** A client for the Redis of the environment. */
export function clientOf(environment: RedisEnvironment, options: RedisOptions): Redis {
  const { REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_USERNAME, REDIS_PASSWORD } = environment;
  if (REDIS_URL !== undefined) return new Redis(REDIS_URL, options);
  return new Redis({
    host: REDIS_HOST,
    port: REDIS_PORT,
    ...(REDIS_USERNAME === undefined ? {} : { username: REDIS_USERNAME }),
    ...(REDIS_PASSWORD === undefined ? {} : { password: REDIS_PASSWORD }),
    ...options,
  });
}

function connect(environment: RedisEnvironment, options: RedisOptions, log: Logger): Redis {
  const common: RedisOptions = {
    connectTimeout: 5000,
    keepAlive: 5000,
    maxLoadingRetryTime: MAX_LOADING_PAUSE_MS,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 10), MAX_RECONNECT_PAUSE_MS),
    // After a fail-over the old master answers writes with READONLY: reconnect and try again.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
    ...options,
  };
  const redis = clientOf(environment, common);
  let down = false;
  redis.on('error', (error: unknown) => {
    log.log(down ? 'debug' : 'warn', 'redis connection failed', { error });
    down = true;
  });
  redis.on('ready', () => {
    if (down) log.info('redis connection is back');
    down = false;
  });
  return redis;
}

/**
 * What tells what is wrong, or undefined; not while Redis is frozen, which keeps its connections. It writes, because a Redis
 * that is out of memory, or cannot write its file, answers everything else. Questions that nobody has answered do not pile up.
 */
export function faultFinder(
  redis: Redis,
  { REDIS_PREFIX }: RedisEnvironment,
): () => Promise<string | undefined> {
  let asked: Promise<string | undefined> | undefined;
  const ask = async () => {
    try {
      await redis.set(`${REDIS_PREFIX}:ready`, '1', 'PX', READY_KEY_MS);
      return undefined;
    } catch (error) {
      if (error instanceof Error && error.name === 'ReplyError')
        return `cannot be written to: ${error.message}`;
      throw error;
    } finally {
      asked = undefined;
    }
  };
  return async () => {
    if (redis.status !== 'ready') return 'not connected';
    return (asked ??= ask());
  };
}

/** For publishing: a command fails fast while Redis is away, because its caller keeps what it wanted to say. */
export function connectPublisher(environment: RedisEnvironment, log: Logger): Redis {
  return connect(
    environment,
    { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: COMMAND_TIMEOUT_MS },
    log,
  );
}

/** For consuming: blocking commands wait through an outage. */
export function connectConsumer(environment: RedisEnvironment, log: Logger): Redis {
  return connect(environment, { maxRetriesPerRequest: null }, log);
}
