/**
 * A whole Triumvir of real processes, from dist/, on a database, a Redis prefix and a ZooKeeper root of its own: for
 * tests of what happens between processes, and when some of them die.
 */
import { mkdirSync } from 'node:fs';
import { endAll } from '#tools/ending.js';
import { identify, signal } from '#tools/process-identity.js';
import { Profile } from '#tools/profile.js';
import { launchService, waitUntilReady, type LaunchedService, type ServiceKind } from '#tools/services.js';
import { freePort } from '#tools/servers/server-process.js';
import { createTestDatabase } from './database.js';
import { testServers, uniqueName, uniqueZookeeperRoot } from './environment.js';

export interface ClusterOptions {
  /** How many of each; default 1. */
  readonly stores?: number;
  readonly schedulers?: number;
  readonly executors?: number;
  /** Settings for every service; they go before those that the cluster makes up (DATABASE_URL and so on). */
  readonly env?: Readonly<Record<string, string>>;
  /** Of the settings that the cluster makes up, those that others stand for. */
  readonly without?: readonly string[];
  /** Changes how the URL of its database is written. */
  readonly rewriteUrl?: (databaseUrl: URL) => void;
}

/** One process of the cluster. */
export interface ServiceHandle {
  readonly kind: ServiceKind;
  readonly id: string;
  readonly pid: number;
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Of a store: where it serves gRPC, `127.0.0.1:<port>`. */
  readonly grpcAddress: string;
  readonly logPath: string;
  /** As a power cut would (SIGKILL); resolves when it is gone. */
  kill(): Promise<void>;
  /** Freezes it (SIGSTOP). */
  pause(): void;
  resume(): void;
  /** SIGTERM; resolves when it has ended. It is killed after `graceMs`, default 30,000. */
  terminate(graceMs?: number): Promise<void>;
}

const STOP_WITHIN_MS = 5000;
/** Generous: many processes start at once on a machine that runs other tests too. */
const READY_WITHIN_MS = 60_000;

export class Cluster {
  private readonly handles: ServiceHandle[] = [];
  private readonly launched = new Map<ServiceHandle, LaunchedService>();
  private readonly profile = new Profile(process.env['TEST_PROFILE'] === 'test' ? 'test' : 'dev-test');
  private readonly name = uniqueName('cluster');
  /** Ends what is left when a test run breaks off without stopping the cluster. */
  private readonly killOnExit = () => {
    for (const service of this.launched.values()) signal(service, 'SIGKILL');
  };

  constructor(
    /** What every service has in its environment. */
    readonly env: Readonly<Record<string, string>>,
    private readonly dispose: () => Promise<void>,
  ) {
    mkdirSync(this.profile.path('logs'), { recursive: true });
    process.once('exit', this.killOnExit);
  }

  get databaseUrl(): string {
    return this.env['DATABASE_URL'] ?? '';
  }

  /** Where the API is: of the first store. */
  get url(): string {
    const [store] = this.of('store');
    if (store === undefined) throw new Error('This cluster has no store.');
    return store.url;
  }

  /** Where gRPC is: of the first store. */
  get grpcAddress(): string {
    return this.of('store')[0]?.grpcAddress ?? '';
  }

  /** Every process that was started, whether or not it still runs, in the order of their start. */
  get services(): readonly ServiceHandle[] {
    return this.handles;
  }

  of(kind: ServiceKind): ServiceHandle[] {
    return this.handles.filter((handle) => handle.kind === kind);
  }

  byId(id: string): ServiceHandle {
    const handle = this.handles.find((candidate) => candidate.id === id);
    if (handle === undefined) throw new Error(`There is no ${id} in this cluster.`);
    return handle;
  }

  /** Starts `count` more of a kind and waits until they are ready. */
  async add(kind: ServiceKind, count = 1): Promise<ServiceHandle[]> {
    const added: ServiceHandle[] = [];
    for (let i = 0; i < count; i += 1) added.push(await this.launch(kind));
    await this.ready(added);
    return added;
  }

  /** Resolves when those services (all, unless named) are ready. */
  async ready(handles: readonly ServiceHandle[] = this.handles): Promise<void> {
    await waitUntilReady(
      handles.flatMap((handle) => this.launched.get(handle) ?? []),
      READY_WITHIN_MS,
    );
  }

  /** Starts one more of a kind and does not wait for it. */
  async launch(kind: ServiceKind): Promise<ServiceHandle> {
    const id = `${kind}-${this.of(kind).length + 1}`;
    const name = `${this.name}-${id}`;
    const logFile = this.profile.logFile(name);
    const grpcPort = await freePort();
    const service = launchService({
      kind,
      id,
      port: await freePort(),
      grpcPort,
      env: this.env,
      logFile,
      detached: false,
    });
    // `make test` ends whatever is on record, should the process that runs this test be killed.
    this.profile.registry.add({
      name,
      kind,
      pid: service.pid,
      startedAt: service.startedAt,
      port: service.port,
      logFile,
    });
    const handle = handleOf(service, grpcPort);
    this.launched.set(handle, service);
    this.handles.push(handle);
    return handle;
  }

  /** Ends every process and drops the database. */
  async stop(): Promise<void> {
    await endAll([...this.launched.values()], 'SIGTERM', STOP_WITHIN_MS);
    for (const { id } of this.launched.values()) this.profile.registry.remove(`${this.name}-${id}`);
    process.off('exit', this.killOnExit);
    await this.dispose();
  }
}

/** Starts the cluster; resolves when all of it is ready. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { stores = 1, schedulers = 1, executors = 1, env = {}, without = [] } = options;
  const { redisUrl, zookeeperHost } = testServers();
  const database = await createTestDatabase();
  const databaseUrl = new URL(database.url);
  options.rewriteUrl?.(databaseUrl);
  const settings = {
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? '/',
    NODE_ENV: 'test',
    LOG_FORMAT: 'json',
    DATABASE_URL: databaseUrl.href,
    REDIS_URL: redisUrl,
    REDIS_PREFIX: uniqueName('test'),
    ZOOKEEPER_HOST: zookeeperHost,
    ZOOKEEPER_ROOT: uniqueZookeeperRoot(),
    ...env,
  };
  const cluster = new Cluster(
    Object.fromEntries(Object.entries(settings).filter(([name]) => !without.includes(name))),
    () => database.drop(),
  );
  try {
    for (const [kind, count] of [
      ['store', stores],
      ['scheduler', schedulers],
      ['executor', executors],
    ] as const) {
      for (let i = 0; i < count; i += 1) await cluster.launch(kind);
    }
    await cluster.ready();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

function handleOf(service: LaunchedService, grpcPort: number): ServiceHandle {
  const { kind, id, pid, port, logFile } = service;
  return {
    kind,
    id,
    pid,
    port,
    url: `http://127.0.0.1:${port}`,
    grpcAddress: `127.0.0.1:${grpcPort}`,
    logPath: logFile,
    kill: async () => {
      signal(service, 'SIGKILL');
      // Only the process itself: what becomes of the jobs that it started is a question for the test.
      while (identify(pid)?.startedAt === service.startedAt)
        await new Promise((resolve) => setTimeout(resolve, 5));
    },
    pause: () => void signal(service, 'SIGSTOP'),
    resume: () => void signal(service, 'SIGCONT'),
    terminate: async (graceMs = 30_000) => void (await endAll([service], 'SIGTERM', graceMs)),
  };
}
