/**
 * The environment, parsed once at the start. Each service picks the groups of settings it uses; `.env.example` and the
 * documentation of settings are generated from the same groups, so every setting carries its description here.
 */
import { hostname } from 'node:os';
import { z } from 'zod';
import { parseDuration } from '#common/domain/duration.js';

/** A whole number from the environment, where everything is text. */
export const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^-?\d+$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .pipe(z.number().min(min).max(max));

/** A duration as people write it, such as 30s or 7d; becomes milliseconds. */
export const durationText = (minMs: number, maxMs: number) =>
  z.string().transform((text, context): number => {
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
    context.issues.push({
      code: 'custom',
      message: `must be a duration such as 30s, 12h or 7d, from ${minMs} ms to ${maxMs} ms`,
      input: text,
    });
    return z.NEVER;
  });

const port = wholeNumber(0, 65_535);

function isHostAndPort(text: string): boolean {
  const [, port] = /^[^:\s]+:(\d{1,5})$/.exec(text) ?? [];
  return port !== undefined && Number(port) >= 1 && Number(port) <= 65_535;
}

export const processEnvironment = z.object({
  NODE_ENV: z
    .enum(['development', 'test', 'production'])
    .default('production')
    .describe('development | test | production.'),
  LOG_LEVEL: z
    .enum(['error', 'warn', 'info', 'debug'])
    .default('info')
    .describe('Least severe level that is logged: error | warn | info | debug.'),
  LOG_FORMAT: z
    .enum(['auto', 'json', 'pretty'])
    .default('auto')
    .describe('json | pretty | auto (pretty on a terminal, JSON lines elsewhere).'),
  SHUTDOWN_GRACE_MS: wholeNumber(0, 3_600_000)
    .default(30_000)
    .describe(
      'After SIGTERM, how long running jobs may take to finish, in milliseconds. A second SIGTERM hurries.',
    ),
});

export const databaseEnvironment = z.object({
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\/\S+$/, 'must be a postgresql:// URL')
    .describe('Postgres, the one place where jobs live: postgresql://user:password@host:5432/database.'),
  PG_MAX_CONNS: wholeNumber(2, 1000)
    .default(10)
    .describe('Most connections to Postgres that one process opens.'),
});

const REDIS_PORT = 6379;

export const redisEnvironment = z
  .object({
    REDIS_HOST: z.string().min(1).default('localhost').describe('Host of Redis.'),
    REDIS_PORT: port.default(REDIS_PORT).describe('Port of Redis.'),
    REDIS_USERNAME: z.string().optional().describe('User of Redis, where it has users.'),
    REDIS_PASSWORD: z.string().optional().describe('Password of Redis, where it wants one.'),
    REDIS_ADDR: z
      .string()
      .refine(isHostAndPort, 'must be host:port')
      .optional()
      .describe('host:port in one; takes the place of REDIS_HOST and REDIS_PORT.'),
    REDIS_URL: z
      .url({ protocol: /^rediss?$/, error: 'must be a redis:// or rediss:// URL' })
      .optional()
      .describe(
        'All of it in one URL, redis://user:password@host:6379/0; goes before every other REDIS_ setting.',
      ),
    REDIS_PREFIX: z
      .string()
      .regex(/^[\w-]+$/, 'must be letters, digits, _ and -')
      .default('triumvir')
      .describe('What every key in Redis starts with, so that several installations can share a server.'),
  })
  .transform(({ REDIS_ADDR, ...settings }) => {
    if (REDIS_ADDR === undefined) return settings;
    const colon = REDIS_ADDR.lastIndexOf(':');
    return {
      ...settings,
      REDIS_HOST: REDIS_ADDR.slice(0, colon),
      REDIS_PORT: Number(REDIS_ADDR.slice(colon + 1)),
    };
  });

export const zookeeperEnvironment = z.object({
  ZOOKEEPER_HOST: z
    .string()
    .refine(
      (text) => text.split(',').every(isHostAndPort),
      'must be host:port, or several of them with commas between',
    )
    .default('localhost:2181')
    .describe('ZooKeeper: host:port, or host:port,host:port,host:port for an ensemble.'),
  ZOOKEEPER_ROOT: z
    .string()
    .regex(/^(\/[\w-]+)+$/, 'must be a path such as /triumvir')
    .default('/triumvir')
    .describe(
      'The node below which everything is kept, so that several installations can share an ensemble.',
    ),
  ZOOKEEPER_SESSION_TIMEOUT_MS: wholeNumber(1000, 60_000)
    .default(4000)
    .describe(
      'How long a silent process keeps its leadership, in milliseconds. ZooKeeper allows 2 to 20 of its ticks and rounds to that.',
    ),
});

export const identityEnvironment = z.object({
  INSTANCE_ID: z
    .string()
    .regex(/^[\w.-]{1,100}$/, 'must be 1 to 100 letters, digits, dots, _ and -')
    .default(() => `${hostname()}-${process.pid}`)
    .describe('Name of this process in logs and in the cluster view; host name and process id unless set.'),
});

export type ProcessEnvironment = z.infer<typeof processEnvironment>;
export type DatabaseEnvironment = z.infer<typeof databaseEnvironment>;
export type RedisEnvironment = z.infer<typeof redisEnvironment>;
export type ZookeeperEnvironment = z.infer<typeof zookeeperEnvironment>;
export type IdentityEnvironment = z.infer<typeof identityEnvironment>;

/** Thrown when a setting is missing or wrong; its message is the one line a person needs. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

/**
 * Parses `source` with `schema`.
 * @throws EnvironmentError naming each setting that is wrong and what is allowed. Values are not repeated: they may be secret.
 */
export function parseEnvironment<Schema extends z.ZodType>(
  schema: Schema,
  source: Readonly<Record<string, string | undefined>>,
): z.infer<Schema> {
  // An empty value means "not set": that is how compose files and shells pass on what they were not given.
  const given = Object.fromEntries(
    Object.entries(source).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    return given[name] === undefined ? `${name} is not set` : `${name} is wrong: ${issue.message}`;
  });
  throw new EnvironmentError(`Cannot start: ${faults.join('; ')}`);
}
