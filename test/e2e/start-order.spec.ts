/** Services and servers start in any order: nothing has to be there first, and nothing has to be started again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '#common/database/migrate.js';
import { ROOT } from '#tools/root.js';
import { findPostgres } from '#tools/servers/postgres-binaries.js';
import { PostgresServer } from '#tools/servers/postgres-server.js';
import { findRedis, RedisServer } from '#tools/servers/redis-server.js';
import { freePort } from '#tools/servers/server-process.js';
import { ZookeeperServer } from '#tools/servers/zookeeper-server.js';
import { isReady } from '#tools/services.js';
import { ApiClient } from '../support/api-client.js';
import { Cluster, type ServiceHandle } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';

/** Only to keep strangers on this machine out. */
const PASSWORD = 'start-order';

interface Servers {
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;
  readonly zookeeper: ZookeeperServer;
}

let folder: string;
let servers: Servers;
let cluster: Cluster;

/** Not started: so far there are only the addresses. */
async function prepareServers(): Promise<Servers> {
  const [binaries, binary] = [findPostgres(), findRedis()];
  if (binaries === undefined || binary === undefined || ZookeeperServer.locate() === undefined)
    throw new Error('Postgres, Redis and ZooKeeper have to be installed on this machine (see make start).');
  return {
    postgres: new PostgresServer({
      binaries,
      dataFolder: join(folder, 'postgres'),
      logFile: join(folder, 'postgres.log'),
      port: await freePort(),
      user: 'triumvir',
      password: PASSWORD,
      database: 'triumvir',
    }),
    redis: new RedisServer({
      binary,
      dataFolder: join(folder, 'redis'),
      logFile: join(folder, 'redis.log'),
      port: await freePort(),
      password: PASSWORD,
    }),
    zookeeper: new ZookeeperServer({ dir: join(folder, 'zookeeper'), port: await freePort() }),
  };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'triumvir-start-order-'));
  servers = await prepareServers();
  cluster = new Cluster(
    {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '/',
      NODE_ENV: 'test',
      LOG_FORMAT: 'json',
      DATABASE_URL: servers.postgres.url,
      REDIS_URL: servers.redis.url,
      ZOOKEEPER_HOST: `127.0.0.1:${servers.zookeeper.port}`,
    },
    () => Promise.resolve(),
  );
});

afterAll(async () => {
  await cluster?.stop();
  await Promise.all(Object.values<Servers[keyof Servers]>({ ...servers }).map((server) => server.kill()));
  await rm(folder, { recursive: true, force: true });
});

/** Resolves when the service says that these checks fail, each for what its pattern says, and that it is not ready. */
async function waitsFor(service: ServiceHandle, troubles: Readonly<Record<string, RegExp>>): Promise<void> {
  await eventually(
    async () => {
      const response = await fetch(`${service.url}/health/ready`);
      const { checks } = (await response.json()) as { checks: Record<string, string> };
      expect(response.status).toBe(503);
      for (const [name, trouble] of Object.entries(troubles)) expect(checks[name]).toMatch(trouble);
    },
    { within: 30_000 },
  );
}

test('services that start before Postgres, Redis and ZooKeeper wait for them, and work as soon as they are there', async () => {
  for (const kind of ['store', 'scheduler', 'executor'] as const) await cluster.launch(kind);
  const NOT_OK = /^(?!ok$)/;
  for (const service of cluster.services) await waitsFor(service, { postgres: NOT_OK });
  for (const service of [...cluster.of('scheduler'), ...cluster.of('executor')])
    await waitsFor(service, { redis: NOT_OK, zookeeper: NOT_OK });
  for (const { port } of cluster.services) expect(await isReady(port, 'live')).toBe(true);

  const { postgres, redis, zookeeper } = servers;
  await Promise.all([postgres.start(), redis.start(), zookeeper.start()]);
  for (const service of cluster.services) await waitsFor(service, { postgres: /has not been migrated/ });
  await migrate(postgres.url, join(ROOT, 'prisma'));

  // Throws when one of the processes has ended.
  await cluster.ready();
  const api = new ApiClient([cluster.url]);
  await api.submitAll([{ type: 'command', payload: { command: 'echo here' } }]);
  expect(await api.waitForAll(10_000)).toMatchObject([{ state: 'succeeded', attempt: 1 }]);
});
