/**
 * The system under test: servers and services of its own, all real processes, with a proxy on every connection between
 * them. The suite itself talks to Postgres and Redis directly, so that it sees through any network trouble it makes.
 */
import { cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { migrate } from '#common/database/migrate.js';
import { ROOT } from '#tools/root.js';
import { freePort } from '#tools/servers/server-process.js';
import { SERVICE_KINDS, type ServiceKind } from '#tools/services.js';
import { eventually } from '../../support/eventually.js';
import { CREATE_AUDIT, databaseUrlFor } from './audit.js';
import { Links } from './links.js';
import { Servers } from './servers.js';
import { ServiceProcess, type UnexpectedExit } from './service-process.js';

export interface SystemOptions {
  /** Everything is kept here; made when missing. */
  readonly folder: string;
  /** How many of each. */
  readonly services: Readonly<Record<ServiceKind, number>>;
  /** Further settings of a service. */
  readonly envOf?: (kind: ServiceKind, id: string) => Readonly<Record<string, string>>;
  /** Put the files of Redis and of Postgres' log on disks that can be made full, where the machine allows it. */
  readonly smallDisks: boolean;
  /** Changes the copy of dist/ that the services run, before they start. */
  readonly patchCode?: (distFolder: string) => void;
}

export const SESSION_TIMEOUT_MS = 4000;
export const LEASE_MS = 5000;
const READY_WITHIN_MS = 90_000;
const QUERY_WITHIN_MS = 5000;
const STOP_WITHIN_MS = 5000;

export class System {
  readonly services: ServiceProcess[] = [];
  readonly unexpectedExits: UnexpectedExit[] = [];
  readonly redisPrefix = 'chaos';
  readonly ledgerFile: string;
  readonly #pool: pg.Pool;
  /** Nothing outlives a run that breaks off. */
  readonly #killOnExit = () => this.services.forEach((service) => service.abandon());

  private constructor(
    readonly folder: string,
    readonly servers: Servers,
    readonly links: Links,
  ) {
    this.ledgerFile = join(folder, 'ledger.jsonl');
    this.#pool = new pg.Pool({
      connectionString: servers.postgres.url,
      max: 4,
      connectionTimeoutMillis: QUERY_WITHIN_MS,
      query_timeout: QUERY_WITHIN_MS,
    });
    // A server that is restarted ends idle connections; the next query makes a new one.
    this.#pool.on('error', () => undefined);
    process.once('exit', this.#killOnExit);
  }

  static async start(options: SystemOptions): Promise<System> {
    const { folder, smallDisks } = options;
    mkdirSync(folder, { recursive: true });
    const servers = await Servers.start(folder, smallDisks);
    const links = new Links({
      postgres: [servers.postgres.port],
      redis: [servers.redis.port],
      zookeeper: servers.zookeeper.map(({ port }) => port),
    });
    const system = new System(folder, servers, links);
    try {
      await migrate(servers.postgres.url, join(ROOT, 'prisma'));
      await system.query(CREATE_AUDIT);
      await system.#startServices(options);
      return system;
    } catch (error) {
      await system.stop();
      throw error;
    }
  }

  of(kind: ServiceKind): ServiceProcess[] {
    return this.services.filter((service) => service.kind === kind);
  }

  byId(id: string): ServiceProcess {
    const service = this.services.find((candidate) => candidate.id === id);
    if (service === undefined) throw new Error(`there is no ${id}`);
    return service;
  }

  /** The service that may act as leader, by the newest epoch. */
  async leader(election: 'scheduler/shard-0' | 'executor/reclaimer'): Promise<ServiceProcess> {
    return eventually(async () => {
      const [row] = await this.query<{ holder: string }>(
        `SELECT holder FROM leader_epochs WHERE election = $1`,
        [election],
      );
      if (row === undefined) throw new Error(`nobody has led ${election} yet`);
      return this.byId(row.holder);
    });
  }

  async query<Row extends object>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    const result = await this.#pool.query<Row>(sql, parameters.length === 0 ? undefined : [...parameters]);
    return result.rows;
  }

  /** Lets `use` talk to Redis over a connection of its own. */
  async withRedis<Result>(use: (redis: Redis) => Promise<Result>): Promise<Result> {
    const redis = new Redis(this.servers.redis.url, { maxRetriesPerRequest: null, lazyConnect: true });
    redis.on('error', () => undefined);
    try {
      await redis.connect();
      return await use(redis);
    } finally {
      redis.disconnect();
    }
  }

  async allReady(): Promise<boolean> {
    const ready = await Promise.all(this.services.map((service) => service.ready()));
    return ready.every(Boolean);
  }

  async stopServices(withinMs: number): Promise<void> {
    await Promise.all(this.services.map((service) => service.terminate(withinMs)));
  }

  async stop(): Promise<void> {
    await this.stopServices(STOP_WITHIN_MS);
    process.off('exit', this.#killOnExit);
    await this.links.close();
    await this.#pool.end();
    await this.servers.stop();
  }

  async #startServices({ services, envOf, patchCode }: SystemOptions): Promise<void> {
    // A copy, so that building the project meanwhile does not change what is being tested.
    const codeFolder = join(this.folder, 'code');
    mkdirSync(codeFolder, { recursive: true });
    for (const name of ['dist', 'package.json', 'prisma', 'proto']) {
      cpSync(join(ROOT, name), join(codeFolder, name), { recursive: true });
    }
    rmSync(join(codeFolder, 'node_modules'), { force: true });
    symlinkSync(join(ROOT, 'node_modules'), join(codeFolder, 'node_modules'));
    patchCode?.(join(codeFolder, 'dist'));

    for (const kind of SERVICE_KINDS) {
      for (let number = 1; number <= services[kind]; number += 1) {
        const id = `${kind}-${number}`;
        await this.links.open(id, kind);
        const service = new ServiceProcess({
          kind,
          id,
          port: await freePort(),
          codeFolder,
          folder: this.folder,
          env: { ...this.#environmentOf(id), ...envOf?.(kind, id) },
          onUnexpectedExit: (exit) => this.unexpectedExits.push(exit),
        });
        this.services.push(service);
        service.start();
      }
    }
    await eventually(() => this.allReady(), { within: READY_WITHIN_MS });
  }

  #environmentOf(id: string): Record<string, string> {
    const { postgres, redis } = this.servers;
    const [postgresPort = 0] = this.links.portsOf(id, 'postgres');
    const [redisPort = 0] = this.links.portsOf(id, 'redis');
    const redisUrl = new URL(redis.url);
    redisUrl.port = String(redisPort);
    return {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '/',
      NODE_ENV: 'production',
      LOG_FORMAT: 'json',
      DATABASE_URL: databaseUrlFor(postgres.url, postgresPort, id),
      REDIS_URL: redisUrl.href,
      REDIS_PREFIX: this.redisPrefix,
      ZOOKEEPER_HOST: this.links
        .portsOf(id, 'zookeeper')
        .map((port) => `127.0.0.1:${port}`)
        .join(','),
      ZOOKEEPER_ROOT: '/chaos',
      ZOOKEEPER_SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS),
      EXECUTOR_LEASE_MS: String(LEASE_MS),
    };
  }
}
