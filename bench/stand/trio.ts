/**
 * The system under test: store, scheduler and executor from dist/, as processes on a database of their own. It counts
 * what its executors really ran, so that a rate can be checked against more than what Postgres says.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { endAll } from '#tools/ending.js';
import { isAlive, signal } from '#tools/process-identity.js';
import { ROOT } from '#tools/root.js';
import { freePort } from '#tools/servers/server-process.js';
import {
  launchService,
  SERVICE_KINDS,
  waitUntilReady,
  type LaunchedService,
  type ServiceKind,
} from '#tools/services.js';
import type { Database, Servers } from './servers.js';
import { Session } from './session.js';

export interface TrioOptions {
  /** How many of each; default 1. */
  readonly counts?: Readonly<Partial<Record<ServiceKind, number>>>;
  /** Further settings of every service. */
  readonly env?: Readonly<Record<string, string>>;
  /** The database to work on; a new one that goes with the trio unless given. */
  readonly database?: Database;
}

/** As many at once as the peer that is closest to this design. */
export const SLOTS = 50;

const HANDLERS = join(ROOT, 'dist', 'bench', 'handlers');
const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 10_000;

export class Trio {
  readonly #services: LaunchedService[] = [];
  readonly db: Session;
  /** Nothing outlives a run that breaks off. */
  readonly #killOnExit = () => this.#services.forEach((service) => signal(service, 'SIGKILL'));

  private constructor(
    private readonly database: Database,
    private readonly ownsDatabase: boolean,
    private readonly folder: string,
    private readonly env: Readonly<Record<string, string>>,
  ) {
    this.db = new Session(database.url);
    process.once('exit', this.#killOnExit);
  }

  static async start(servers: Servers, { counts = {}, env = {}, database }: TrioOptions = {}): Promise<Trio> {
    const folder = mkdtempSync(join(servers.folder, 'trio-'));
    mkdirSync(join(folder, 'executions'));
    const used = database ?? (await servers.createDatabase('triumvir'));
    // What names this trio on the shared servers.
    const name = folder.slice(folder.lastIndexOf('-') + 1);
    const trio = new Trio(used, database === undefined, folder, {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '/',
      NODE_ENV: 'production',
      LOG_FORMAT: 'json',
      DATABASE_URL: used.url,
      REDIS_URL: servers.redis.url,
      REDIS_PREFIX: `bench-${name}`,
      ZOOKEEPER_HOST: `127.0.0.1:${servers.zookeeper.port}`,
      ZOOKEEPER_ROOT: `/bench-${name}`,
      EXECUTOR_SLOTS: String(SLOTS),
      EXECUTOR_HANDLERS: HANDLERS,
      BENCH_EXECUTIONS_FOLDER: join(folder, 'executions'),
      ...profilingOptions(),
      ...env,
    });
    try {
      for (const kind of SERVICE_KINDS) {
        for (let number = 0; number < (counts[kind] ?? 1); number += 1) await trio.#launch(kind);
      }
      await waitUntilReady(trio.#services, READY_WITHIN_MS);
      return trio;
    } catch (error) {
      await trio.stop();
      throw error;
    }
  }

  /** Where the API is. */
  get url(): string {
    return `http://127.0.0.1:${this.of('store')[0]?.port ?? 0}`;
  }

  /** Every service that was started and has not been ended by the row itself. */
  get running(): LaunchedService[] {
    return this.#services.filter((service) => isAlive(service));
  }

  of(kind: ServiceKind): LaunchedService[] {
    return this.#services.filter((service) => service.kind === kind);
  }

  /** Starts one more and waits until it is ready. */
  async add(kind: ServiceKind): Promise<LaunchedService> {
    const service = await this.#launch(kind);
    await waitUntilReady([service], READY_WITHIN_MS);
    return service;
  }

  /** Ends every process. @returns how many jobs the handlers of bench/handlers/ were run for */
  async stop(): Promise<number> {
    await endAll(this.#services, 'SIGTERM', STOP_WITHIN_MS);
    process.off('exit', this.#killOnExit);
    await this.db.close();
    if (this.ownsDatabase) await this.database.drop();
    const folder = join(this.folder, 'executions');
    const counts = readdirSync(folder).map((file) => Number(readFileSync(join(folder, file), 'utf8')));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async #launch(kind: ServiceKind): Promise<LaunchedService> {
    const id = `${kind}-${this.of(kind).length + 1}`;
    const service = launchService({
      kind,
      id,
      port: await freePort(),
      env: this.env,
      logFile: join(this.folder, `${id}.log`),
      detached: false,
    });
    this.#services.push(service);
    return service;
  }
}

/** BENCH_CPU_PROFILES names a folder: every service then leaves a profile there at its end. */
function profilingOptions(): Record<string, string> {
  const folder = process.env['BENCH_CPU_PROFILES'];
  if (folder === undefined) return {};
  const hook = pathToFileURL(join(ROOT, 'dist', 'bench', 'stand', 'cpu-profile.js'));
  return { NODE_OPTIONS: `--import ${hook.href}`, BENCH_CPU_PROFILES: folder };
}
