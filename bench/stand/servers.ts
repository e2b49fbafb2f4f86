/**
 * The servers that all contestants share: one Postgres, one Redis and one ZooKeeper of the benchmark's own, with every
 * promise of durability on. Each contestant gets a database of its own for each turn, so that nobody's dead rows, and
 * nobody's autovacuum, are in another one's way.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { migrate } from '#common/database/migrate.js';
import { ROOT } from '#tools/root.js';
import { PlainError } from '#tools/screen.js';
import { findPostgres } from '#tools/servers/postgres-binaries.js';
import { PostgresServer } from '#tools/servers/postgres-server.js';
import { findRedis, RedisServer } from '#tools/servers/redis-server.js';
import { freePort } from '#tools/servers/server-process.js';
import { ZookeeperServer } from '#tools/servers/zookeeper-server.js';
import { withDatabase, withPostgres } from '#tools/sql.js';

/** Only to keep strangers on this machine out. */
const PASSWORD = 'bench';
const TEMPLATE = 'triumvir';
/** What decides how fast, and how durable, Postgres is. */
const NAMED_SETTINGS = [
  'server_version',
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'shared_buffers',
  'max_wal_size',
  'wal_compression',
];

export interface Database {
  readonly url: string;
  drop(): Promise<void>;
}

export class Servers {
  private constructor(
    readonly postgres: PostgresServer,
    readonly redis: RedisServer,
    readonly zookeeper: ZookeeperServer,
    /** Logs and whatever else a run leaves behind are kept here. */
    readonly folder: string,
  ) {}

  /** @throws PlainError when one of them is not installed */
  static async start(folder: string): Promise<Servers> {
    const binaries = findPostgres();
    const binary = findRedis();
    if (binaries === undefined || binary === undefined || ZookeeperServer.locate() === undefined)
      throw new PlainError(
        'Postgres, Redis and ZooKeeper have to be installed on this machine (see make start).',
      );
    const servers = new Servers(
      new PostgresServer({
        binaries,
        dataFolder: join(folder, 'postgres'),
        logFile: join(folder, 'postgres.log'),
        port: await freePort(),
        user: 'triumvir',
        password: PASSWORD,
        database: TEMPLATE,
      }),
      new RedisServer({
        binary,
        dataFolder: join(folder, 'redis'),
        logFile: join(folder, 'redis.log'),
        port: await freePort(),
        password: PASSWORD,
      }),
      new ZookeeperServer({ dir: join(folder, 'zookeeper'), port: await freePort() }),
      folder,
    );
    try {
      await Promise.all([servers.postgres.start(), servers.redis.start(), servers.zookeeper.start()]);
      await migrate(servers.postgres.url, join(ROOT, 'prisma'));
      return servers;
    } catch (error) {
      await servers.stop();
      throw error;
    }
  }

  /** An empty database, or one with Triumvir's schema. */
  async createDatabase(schema: 'empty' | 'triumvir'): Promise<Database> {
    const name = `bench_${randomBytes(4).toString('hex')}`;
    const template = schema === 'empty' ? '' : ` TEMPLATE ${TEMPLATE}`;
    await this.#administer(`CREATE DATABASE ${name}${template}`);
    return {
      url: withDatabase(this.postgres.url, name),
      drop: () => this.#administer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
    };
  }

  /** One line that says what every contestant ran on. */
  async describe(): Promise<string> {
    return withPostgres(withDatabase(this.postgres.url, 'postgres'), async (client) => {
      const { rows } = await client.query<{ setting: string }>(
        `SELECT name || '=' || current_setting(name) AS setting FROM unnest($1::text[]) AS name`,
        [NAMED_SETTINGS],
      );
      const postgres = rows.map(({ setting }) => setting).join(', ');
      return `Postgres (${postgres}); Redis (appendonly=yes, appendfsync=everysec, maxmemory-policy=noeviction); one ZooKeeper`;
    });
  }

  async stop(): Promise<void> {
    await Promise.all([this.redis.kill(), this.postgres.kill(), this.zookeeper.kill()]);
  }

  async #administer(sql: string): Promise<void> {
    await withPostgres(withDatabase(this.postgres.url, 'postgres'), (client) => client.query(sql));
  }
}

/** Readies a database that was just filled, for a contestant's turn: statistics are fresh and no checkpoint is pending. */
export async function settle(databaseUrl: string): Promise<void> {
  await withPostgres(databaseUrl, async (client) => {
    await client.query('VACUUM (ANALYZE)');
    await client.query('CHECKPOINT');
  });
}
