/** First choice: servers that somebody else runs, named by DATABASE_URL, REDIS_… and ZOOKEEPER_HOST. They are checked, never changed. */
import type { Settings } from '../env-file.js';
import { answers } from '../ports.js';
import { PlainError } from '../screen.js';
import { pingRedis, type RedisAddress } from '../servers/redis-ping.js';
import { withPostgres } from '../sql.js';
import { DISPLAY_NAMES, USUAL_PORTS, type Provided, type ServerName } from './server-names.js';

/** Names that say where a server is. A password alone does not. */
const ADDRESSES: Readonly<Record<ServerName, readonly string[]>> = {
  postgres: ['DATABASE_URL'],
  redis: ['REDIS_URL', 'REDIS_ADDR', 'REDIS_HOST', 'REDIS_PORT'],
  zookeeper: ['ZOOKEEPER_HOST'],
};

const REDIS_SETTINGS = [...ADDRESSES.redis, 'REDIS_USERNAME', 'REDIS_PASSWORD'];

const ANSWER_WITHIN_MS = 3000;

/** The settings that point to this server; undefined when none does. */
export function givenSettings(name: ServerName, settings: Settings): Settings | undefined {
  if (!ADDRESSES[name].some((setting) => settings[setting] !== undefined)) return undefined;
  const names = name === 'redis' ? REDIS_SETTINGS : ADDRESSES[name];
  return Object.fromEntries(
    names.flatMap((setting) => (settings[setting] === undefined ? [] : [[setting, settings[setting]]])),
  );
}

/** Where it is, without a password in it. */
export function placeOf(name: ServerName, given: Settings): string {
  switch (name) {
    case 'postgres':
      return urlPlace(given['DATABASE_URL'] ?? '', USUAL_PORTS.postgres);
    case 'redis': {
      const { host, port } = redisAddress(given);
      return `${host}:${port}`;
    }
    case 'zookeeper':
      return given['ZOOKEEPER_HOST'] ?? '';
    default:
      throw new Error(name satisfies never);
  }
}

const URL_SCHEMES: Readonly<Record<string, RegExp>> = {
  DATABASE_URL: /^postgres(ql)?:$/,
  REDIS_URL: /^rediss?:$/,
};

/** @throws PlainError that says which setting is wrong, or leads to a server that cannot be used. */
export async function checkGiven(name: ServerName, given: Settings): Promise<Provided> {
  for (const [setting, scheme] of Object.entries(URL_SCHEMES)) {
    const url = given[setting];
    if (url !== undefined && !(URL.canParse(url) && scheme.test(new URL(url).protocol))) {
      throw new PlainError(
        `${setting} (environment or .env) is wrong: it must be a URL of ${DISPLAY_NAMES[name]}.`,
      );
    }
  }
  try {
    return { source: 'given', env: await CHECKS[name](given) };
  } catch (error) {
    const reason = reasonOf(error);
    const settings = ADDRESSES[name].filter((setting) => given[setting] !== undefined).join(' and ');
    throw new PlainError(
      `${settings} (environment or .env) leads to ${DISPLAY_NAMES[name]} at ${placeOf(name, given)}, which cannot be used: ${reason}.\n` +
        `Start it, correct the setting, or remove the setting to get a ${DISPLAY_NAMES[name]} of the project's own.`,
      { cause: error },
    );
  }
}

const CHECKS: Readonly<Record<ServerName, (given: Settings) => Promise<Settings>>> = {
  async postgres(given) {
    await withPostgres(given['DATABASE_URL'] ?? '', (client) => client.query('SELECT 1'));
    return given;
  },
  async redis(given) {
    const address = redisAddress(given);
    const reply = await pingRedis(address, ANSWER_WITHIN_MS);
    if (reply === 'PONG') return given;
    // REDIS_PASSWORD may be the one of our own Redis, generated earlier; this one wants none.
    if (given['REDIS_URL'] !== undefined || !/without any password|no password is set/i.test(reply))
      throw new Error(reply);
    const { REDIS_PASSWORD: _unused, ...open } = given;
    return open;
  },
  async zookeeper(given) {
    const servers = (given['ZOOKEEPER_HOST'] ?? '').split('/')[0]?.split(',') ?? [];
    const found = await Promise.all(
      servers.map((server) => {
        const [host = '', port = String(USUAL_PORTS.zookeeper)] = server.split(':');
        return answers(host, Number(port), ANSWER_WITHIN_MS);
      }),
    );
    if (!found.includes(true)) throw new Error('nothing answers there');
    return given;
  },
};

/** Reads the REDIS_ settings with the same precedence as the services: the URL, then host:port in one, then each. */
export function redisAddress(given: Settings): RedisAddress {
  const { REDIS_URL, REDIS_ADDR, REDIS_USERNAME: username, REDIS_PASSWORD: password } = given;
  if (REDIS_URL !== undefined) {
    const url = new URL(REDIS_URL);
    return {
      host: url.hostname,
      port: Number(url.port || USUAL_PORTS.redis),
      username: decodeURIComponent(url.username) || undefined,
      password: decodeURIComponent(url.password) || undefined,
      tls: url.protocol === 'rediss:',
    };
  }
  const colon = REDIS_ADDR?.lastIndexOf(':') ?? -1;
  const host = colon < 0 ? given['REDIS_HOST'] : REDIS_ADDR?.slice(0, colon);
  const port = colon < 0 ? given['REDIS_PORT'] : REDIS_ADDR?.slice(colon + 1);
  return { host: host ?? 'localhost', port: Number(port ?? USUAL_PORTS.redis), username, password };
}

function urlPlace(text: string, usualPort: number): string {
  const { hostname, port, pathname } = new URL(text);
  return `${hostname}:${port || usualPort}${pathname}`;
}

/** A host with several addresses fails with one error for each, and no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
