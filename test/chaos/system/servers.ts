/** The servers of a run: three ZooKeepers that form an ensemble, a Redis with its append-only file, a Postgres. */
import { lchownSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { findPostgres } from '#tools/servers/postgres-binaries.js';
import { PostgresServer } from '#tools/servers/postgres-server.js';
import { findRedis, RedisServer } from '#tools/servers/redis-server.js';
import { freePort } from '#tools/servers/server-process.js';
import { postgresAccount } from '#tools/servers/unprivileged.js';
import { runCommand } from '#tools/run-command.js';
import { ZookeeperServer } from '#tools/servers/zookeeper-server.js';
import { SmallDisk } from './small-disk.js';

const ZOOKEEPERS = 3;
/** Only to keep strangers on this machine out. */
const PASSWORD = 'chaos';

export class Servers {
  private constructor(
    readonly postgres: PostgresServer,
    readonly redis: RedisServer,
    readonly zookeeper: readonly ZookeeperServer[],
    readonly postgresLogDisk: SmallDisk | undefined,
    readonly redisDisk: SmallDisk | undefined,
    private readonly folder: string,
  ) {}

  static async start(folder: string, smallDisks: boolean): Promise<Servers> {
    const binaries = findPostgres();
    const binary = findRedis();
    if (binaries === undefined || binary === undefined || ZookeeperServer.locate() === undefined) {
      throw new Error('Postgres, Redis and ZooKeeper have to be installed on this machine (see make start).');
    }
    const disk = (name: string) => (smallDisks ? SmallDisk.mount(join(folder, name)) : undefined);
    const redisDisk = disk('redis');
    const servers = new Servers(
      new PostgresServer({
        binaries,
        dataFolder: join(folder, 'postgres'),
        logFile: join(folder, 'postgres.log'),
        port: await freePort(),
        user: 'triumvir',
        password: PASSWORD,
        database: 'triumvir',
      }),
      new RedisServer({
        binary,
        dataFolder: join(folder, 'redis'),
        logFile: join(folder, 'redis.log'),
        port: await freePort(),
        password: PASSWORD,
      }),
      await ZookeeperServer.ensemble(ZOOKEEPERS, { dir: join(folder, 'zookeeper') }),
      disk('postgres-wal'),
      redisDisk,
      folder,
    );
    try {
      await Promise.all([servers.#startPostgres(), servers.redis.start(), servers.startZookeepers()]);
      return servers;
    } catch (error) {
      await servers.stop();
      throw error;
    }
  }

  /** Those that do not run. */
  async startZookeepers(): Promise<void> {
    const down = this.zookeeper.filter(({ pid }) => pid === undefined);
    await Promise.all(down.map((server) => server.start()));
  }

  /** Deletes what the ensemble knows; its servers must be down. */
  wipeZookeepers(): void {
    for (let id = 1; id <= ZOOKEEPERS; id += 1) {
      rmSync(join(this.folder, 'zookeeper', `server-${id}`, 'data'), { recursive: true, force: true });
    }
  }

  async stop(): Promise<void> {
    await Promise.all([
      this.redis.kill(),
      this.postgres.kill(),
      ...this.zookeeper.map((server) => server.kill()),
    ]);
    this.redisDisk?.unmount();
    this.postgresLogDisk?.unmount();
  }

  async #startPostgres(): Promise<void> {
    await this.postgres.start();
    if (this.postgresLogDisk === undefined) return;
    await this.postgres.stop();
    const log = join(this.folder, 'postgres', 'pg_wal');
    const moved = join(this.postgresLogDisk.folder, 'pg_wal');
    const copied = await runCommand('cp', ['-a', log, moved], {
      cwd: '/',
      logFile: join(this.folder, 'postgres.log'),
    });
    if (copied !== 0) throw new Error(`cannot copy ${log} to ${moved}`);
    renameSync(log, `${log}.old`);
    symlinkSync(moved, log);
    const account = postgresAccount();
    if (account !== undefined) lchownSync(log, account.uid, account.gid);
    await this.postgres.start();
  }
}
