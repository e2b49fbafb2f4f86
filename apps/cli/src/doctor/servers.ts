/** The servers behind the store, asked directly where their addresses are set here. */
import { join } from 'node:path';
import {
  databaseEnvironment,
  parseEnvironment,
  redisEnvironment,
  zookeeperEnvironment,
} from '#common/config/environment.js';
import { packageFolder } from '#common/config/version.js';
import type { Terminal } from '../terminal.js';
import { fail, ok, reasonOf, warn, type Finding } from './finding.js';
import { skew } from './store.js';

const TIMEOUT_MS = 5_000;
/** Of a clock that is asked in one round trip. */
const CLOCK_TOLERANCE_MS = 1_000;

/** @param settings of the environment and of the settings file */
export async function lookAtServers(settings: Terminal['env']): Promise<Finding[]> {
  const isSet = (...names: string[]) => names.some((name) => (settings[name] ?? '') !== '');
  const findings = await Promise.all([
    isSet('DATABASE_URL') ? postgres(settings) : [],
    isSet('REDIS_URL', 'REDIS_HOST', 'REDIS_ADDR') ? redis(settings) : [],
    isSet('ZOOKEEPER_HOST') ? zookeeper(settings) : [],
  ]);
  return findings.flat();
}

async function postgres(settings: Terminal['env']): Promise<Finding[]> {
  try {
    const { DATABASE_URL } = parseEnvironment(databaseEnvironment, settings);
    // Drivers are loaded only here: no other command needs them.
    const { probeDatabase } = await import('#common/database/database-probe.js');
    const found = await probeDatabase(DATABASE_URL, join(packageFolder(), 'prisma'), TIMEOUT_MS);
    const pending = found.pendingMigrations;
    return [
      ok('postgres', `version ${found.version}`),
      skew('postgres: clock', found.clockAheadMs, CLOCK_TOLERANCE_MS),
      pending.length === 0
        ? ok('postgres: schema', 'up to date')
        : fail(
            'postgres: schema',
            `pending migrations: ${pending.length}, from ${pending[0]} on`,
            '`node dist/tools/migrate.js` applies them; `make start` and the migrate container do so too',
          ),
    ];
  } catch (error) {
    return [fail('postgres', reasonOf(error), 'is Postgres up, and DATABASE_URL right?')];
  }
}

async function redis(settings: Terminal['env']): Promise<Finding[]> {
  try {
    const environment = parseEnvironment(redisEnvironment, settings);
    const { probeRedis } = await import('#common/queue/redis-probe.js');
    const { version, evictionPolicy } = await probeRedis(environment, TIMEOUT_MS);
    const reached = ok('redis', `version ${version}`);
    if (evictionPolicy === undefined || evictionPolicy === 'noeviction') return [reached];
    const advice = 'set maxmemory-policy noeviction: jobs whose hints are forgotten wait for the sweep';
    return [reached, warn('redis: memory', `maxmemory-policy is ${evictionPolicy}`, advice)];
  } catch (error) {
    const advice = 'is Redis up, and REDIS_URL (or REDIS_HOST, REDIS_PORT, REDIS_PASSWORD) right?';
    return [fail('redis', reasonOf(error), advice)];
  }
}

async function zookeeper(settings: Terminal['env']): Promise<Finding[]> {
  try {
    const environment = parseEnvironment(zookeeperEnvironment, settings);
    const { probeZookeeper } = await import('#common/coordination/zookeeper-probe.js');
    const { hasTree } = await probeZookeeper(environment, TIMEOUT_MS);
    const { ZOOKEEPER_HOST, ZOOKEEPER_ROOT } = environment;
    if (hasTree) return [ok('zookeeper', `a session on ${ZOOKEEPER_HOST}`)];
    const advice = 'no service has started on it yet; is ZOOKEEPER_ROOT right?';
    return [warn('zookeeper', `${ZOOKEEPER_ROOT} does not exist there`, advice)];
  } catch (error) {
    return [fail('zookeeper', reasonOf(error), 'is ZooKeeper up, and ZOOKEEPER_HOST right?')];
  }
}
