/** Servers that die, forget, or have no room left. */
import { eventually } from '../../support/eventually.js';
import { SESSION_TIMEOUT_MS } from '../system/system.js';
import type { Servers } from '../system/servers.js';
import type { Fault, FaultContext } from './fault.js';

/** "No pause": jobs are submitted, fed and run all the while. */
const NO_PAUSE_MS = 500;
const REDIS_BACK_MS = 5000;
const POSTGRES_BACK_MS = 2000;
const STOPPED_WITHIN_MS = 40_000;
const READY_WITHIN_MS = 60_000;
const PAST_SESSION_MS = SESSION_TIMEOUT_MS + 3000;

function zookeepersDown(name: string, count: number): Fault {
  return {
    name,
    harms: 'zookeeper',
    holdMs: PAST_SESSION_MS,
    measuredFrom: 'start',
    boundMs: NO_PAUSE_MS,
    inject: async ({ system: { servers }, random }) => {
      const victims = random.shuffled(servers.zookeeper).slice(0, count);
      await Promise.all(victims.map((server) => server.kill()));
      return () => servers.startZookeepers();
    },
  };
}

const zookeeperWiped: Fault = {
  name: 'zookeeper-wiped',
  harms: 'zookeeper',
  holdMs: 500,
  measuredFrom: 'end',
  // Every session of before has to have expired twice over before an epoch is seized.
  boundMs: 2 * SESSION_TIMEOUT_MS + 5000,
  inject: async ({ system }) => {
    const { servers } = system;
    // A wiped ensemble counts its transactions from the first epoch again. One that has never been restarted would hardly
    // tell the difference, so it is brought to a later epoch, and those who stand for election stand again in that.
    await Promise.all(servers.zookeeper.map((server) => server.kill()));
    await servers.startZookeepers();
    const candidates = [...system.of('scheduler'), ...system.of('executor')];
    await Promise.all(candidates.map((service) => service.terminate(STOPPED_WITHIN_MS)));
    for (const service of candidates) service.start();
    await eventually(() => system.allReady(), { within: READY_WITHIN_MS });
    await Promise.all(servers.zookeeper.map((server) => server.kill()));
    servers.wipeZookeepers();
    return () => servers.startZookeepers();
  },
};

function redisFault(
  name: string,
  holdMs: number,
  inject: (servers: Servers, context: FaultContext) => Promise<() => Promise<void>>,
): Fault {
  return {
    name,
    harms: 'redis',
    holdMs,
    measuredFrom: 'end',
    boundMs: REDIS_BACK_MS,
    inject: (context) => inject(context.system.servers, context),
  };
}

const nothing = async () => undefined;

/** Whatever Redis forgets or repeats, only the row in Postgres entitles to a start: none of these makes a job run twice. */
const REDIS_FAULTS: readonly Fault[] = [
  redisFault('redis-restarted', 0, async ({ redis }) => {
    await redis.stop();
    return () => redis.start();
  }),
  redisFault('redis-killed', 0, async ({ redis }) => {
    await redis.kill();
    return () => redis.start();
  }),
  redisFault('redis-away', 20_000, async ({ redis }) => {
    await redis.kill();
    return () => redis.start();
  }),
  redisFault('redis-flushed', 0, async (_, { system }) => {
    await system.withRedis((redis) => redis.flushall());
    return nothing;
  }),
  redisFault('redis-out-of-memory', 6000, async (_, { system }) => {
    const limit = (bytes: string) =>
      system.withRedis(async (redis) => void (await redis.config('SET', 'maxmemory', bytes)));
    await limit('1');
    return () => limit('0');
  }),
  {
    ...redisFault('redis-disk-full', 6000, async ({ redisDisk }) => {
      redisDisk?.fill();
      return async () => redisDisk?.free();
    }),
    needsSmallDisk: true,
  },
];

function postgresFault(
  name: string,
  holdMs: number,
  inject: (servers: Servers, context: FaultContext) => Promise<() => Promise<void>>,
): Fault {
  return {
    name,
    harms: 'postgres',
    holdMs,
    measuredFrom: 'end',
    boundMs: POSTGRES_BACK_MS,
    inject: (context) => inject(context.system.servers, context),
  };
}

const POSTGRES_FAULTS: readonly Fault[] = [
  {
    ...postgresFault('postgres-restarted-fast', 0, async ({ postgres }) => {
      await postgres.stop();
      return () => postgres.start();
    }),
    // Nothing is forgotten, but a start that takes a busy machine two seconds is enough for executors to give up their leases.
    mayRepeat: true,
  },
  {
    ...postgresFault('postgres-restarted-immediate', 0, async ({ postgres }) => {
      // Ends every session as a crash would; at the start the log is replayed.
      if (postgres.pid !== undefined) process.kill(postgres.pid, 'SIGQUIT');
      while (postgres.pid !== undefined) await new Promise((resolve) => setTimeout(resolve, 20));
      return () => postgres.start();
    }),
    // Claims and starts do not wait for its disk.
    mayRepeat: true,
  },
  // One session less renews no lease too late: the next renewal connects anew.
  postgresFault('postgres-backend-terminated', 0, async (_, { system }) => {
    await system.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name LIKE 'triumvir%' ORDER BY random() LIMIT 1`,
    );
    return nothing;
  }),
  {
    ...postgresFault('postgres-disk-full', 6000, async ({ postgresLogDisk, postgres }, { system }) => {
      postgresLogDisk?.fill();
      // It notices with the next segment of its log.
      void system.query('SELECT pg_switch_wal()').catch(() => undefined);
      return async () => {
        postgresLogDisk?.free();
        // It gives up when it cannot write its log; somebody who has made room starts it again.
        if (postgres.pid === undefined) await postgres.start();
      };
    }),
    // It crashes, and is away for longer than a lease.
    mayRepeat: true,
    needsSmallDisk: true,
  },
];

export const SERVER_FAULTS: readonly Fault[] = [
  zookeepersDown('zookeeper-one-down', 1),
  zookeepersDown('zookeeper-two-down', 2),
  zookeepersDown('zookeeper-all-down', 3),
  zookeeperWiped,
  ...REDIS_FAULTS,
  ...POSTGRES_FAULTS,
];
