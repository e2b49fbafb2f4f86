/** Second choice: server programs of this machine, run with data in the project's folder on loopback ports. */
import { join } from 'node:path';
import { findPostgres, type PostgresBinaries } from '../servers/postgres-binaries.js';
import { PostgresServer } from '../servers/postgres-server.js';
import { findRedis, RedisServer, type RedisBinary } from '../servers/redis-server.js';
import type { Server } from '../servers/server-process.js';
import { ZookeeperServer } from '../servers/zookeeper-server.js';
import type { Credentials, ServerName } from './server-names.js';

export interface LocalServerOptions {
  readonly port: number;
  readonly dataFolder: string;
  readonly logFile: string;
  readonly credentials: Credentials;
  /** Called with the process id as soon as the process exists. */
  readonly onSpawn: (pid: number) => void;
}

/** A server program that was found, ready to be started with its data somewhere. */
export interface Installation {
  /** What was found, for the screen. */
  readonly description: string;
  create(options: LocalServerOptions): Server;
  /** Where it logs, when it does not log to the file it is given. */
  readonly logFile?: (options: { readonly dataFolder: string }) => string;
}

export function findInstallation(name: ServerName): Installation | undefined {
  switch (name) {
    case 'postgres': {
      const binaries = findPostgres();
      return binaries && postgres(binaries);
    }
    case 'redis': {
      const binary = findRedis();
      return binary && redis(binary);
    }
    case 'zookeeper':
      return ZookeeperServer.locate() === undefined ? undefined : ZOOKEEPER;
    default:
      throw new Error(name satisfies never);
  }
}

const postgres = (binaries: PostgresBinaries): Installation => ({
  description: `version ${binaries.version} of this machine`,
  create: ({ port, dataFolder, logFile, credentials, onSpawn }) =>
    new PostgresServer({
      onSpawn,
      binaries,
      port,
      dataFolder,
      logFile,
      user: credentials.POSTGRES_USER,
      password: credentials.POSTGRES_PASSWORD,
      database: credentials.POSTGRES_DB,
      detached: true,
    }),
});

const redis = (binary: RedisBinary): Installation => ({
  description: `version ${binary.version} of this machine`,
  create: ({ port, dataFolder, logFile, credentials, onSpawn }) =>
    new RedisServer({
      onSpawn,
      binary,
      port,
      dataFolder,
      logFile,
      password: credentials.REDIS_PASSWORD,
      detached: true,
    }),
});

const ZOOKEEPER: Installation = {
  description: 'of this machine',
  create: ({ port, dataFolder, onSpawn }) =>
    new ZookeeperServer({ port, dir: dataFolder, detached: true, onSpawn }),
  logFile: ({ dataFolder }) => join(dataFolder, 'zookeeper.log'),
};
