/** The services of `make start`: which are to run, with which settings, and what the running ones say about themselves. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { ServiceCounts } from './counts.js';
import type { Settings } from './env-file.js';
import { Ports } from './ports.js';
import type { ProcessRecord } from './process-registry.js';
import type { Profile } from './profile.js';
import { ROOT } from './root.js';
import { PlainError } from './screen.js';
import { launchService, SERVICE_KINDS, type LaunchedService, type ServiceKind } from './services.js';

/** Where the first store looks for its gRPC port first, unless BASE_PORT or SERVER_PORT says so. */
const FIRST_GRPC_PORT = 50_051;

/** Where each kind looks for its port first. */
const FIRST_PORTS: Readonly<Record<ServiceKind, number>> = { store: 3000, scheduler: 3100, executor: 3200 };

/** What points services to servers. A setting of it that is not provided must not reach them by another way. */
const CONNECTION_SETTING = /^(DATABASE_URL|ZOOKEEPER_HOST|REDIS_(URL|ADDR|HOST|PORT|USERNAME|PASSWORD))$/;

/** Set for each service by itself. */
const PER_SERVICE =
  /^(INSTANCE_ID|(STORE|SCHEDULER|EXECUTOR)_SERVICE_PORT|(STORE|SCHEDULER|EXECUTOR|SERVER|WORKER)_COUNT|(SERVER|BASE)_PORT)$/;

export interface ServicePlan {
  readonly kind: ServiceKind;
  readonly id: string;
  /** Its place among its kind, from 0. */
  readonly index: number;
}

/** The services that should run and do not, in the order in which to start them. */
export function missingServices(counts: ServiceCounts, running: readonly ProcessRecord[]): ServicePlan[] {
  return SERVICE_KINDS.flatMap((kind) =>
    Array.from({ length: counts[kind] }, (_, index) => ({ kind, index, id: `${kind}-${index + 1}` })),
  ).filter(({ id }) => !running.some(({ name }) => name === id));
}

/** The environment that all services share. */
export function serviceEnvironment(settings: Settings, connections: Settings): Settings {
  const own = Object.entries(settings).filter(
    ([name]) => !CONNECTION_SETTING.test(name) && !PER_SERVICE.test(name),
  );
  return { ZOOKEEPER_ROOT: '/triumvir', LOG_FORMAT: 'json', ...Object.fromEntries(own), ...connections };
}

export interface LaunchedAt extends LaunchedService {
  readonly usualPort: number;
  readonly grpcPort?: number;
}

/** Starts each, and records it before anything else can happen. */
export async function launchServices(
  profile: Profile,
  services: readonly ServicePlan[],
  settings: Settings,
  connections: Settings,
): Promise<LaunchedAt[]> {
  // A process that was started this moment, in another terminal perhaps, does not listen yet.
  const ports = new Ports(
    profile.registry.running().flatMap(({ port, grpcPort = port }) => [port, grpcPort]),
  );
  const { STORE_BOOTSTRAP_KEY: bootstrapKey, ...env } = serviceEnvironment(settings, connections);
  const launched: LaunchedAt[] = [];
  for (const { kind, id, index } of services) {
    const wish = Number(settings[`${kind.toUpperCase()}_SERVICE_PORT`]);
    const usualPort = (wish > 0 ? wish : FIRST_PORTS[kind]) + index;
    const port = await ports.take(usualPort);
    const grpcPort = kind === 'store' ? await ports.take(firstGrpcPort(settings) + index) : undefined;
    const places = { port, ...(grpcPort === undefined ? {} : { grpcPort }) };
    const service = launchService({
      kind,
      id,
      ...places,
      // Nobody but a store is to know its first key: executors run what others tell them to.
      env:
        kind === 'store' && bootstrapKey !== undefined ? { ...env, STORE_BOOTSTRAP_KEY: bootstrapKey } : env,
      logFile: profile.logFile(id),
      detached: true,
    });
    const { pid, startedAt, logFile } = service;
    profile.registry.add({ name: id, kind, pid, startedAt, ...places, logFile, build: currentBuild() });
    launched.push({ ...service, ...places, usualPort });
  }
  return launched;
}

/** @throws PlainError when BASE_PORT or SERVER_PORT is no port */
function firstGrpcPort(settings: Settings): number {
  const name = ['BASE_PORT', 'SERVER_PORT'].find((candidate) => settings[candidate] !== undefined);
  if (name === undefined) return FIRST_GRPC_PORT;
  const value = settings[name] ?? '';
  if (!/^\d{1,5}$/.test(value) || Number(value) < 1 || Number(value) > 65_000)
    throw new PlainError(`${name}=${value} is wrong: it must be a whole number from 1 to 65000.`);
  return Number(value);
}

/** Names the compiled code of now. */
export function currentBuild(): string {
  return new Date(
    statSync(join(ROOT, 'dist', '.built'), { throwIfNoEntry: false })?.mtimeMs ?? 0,
  ).toISOString();
}

const clusterSchema = z.object({
  elections: z.array(
    z.object({
      election: z.string(),
      leader: z.object({ id: z.string(), epoch: z.union([z.number(), z.string()]).nullish() }).nullable(),
    }),
  ),
});

/** Who leads what, one line for each election, or why that is not known; undefined when no store answers. */
export async function leaders(storeUrl: string, apiKey: string | undefined): Promise<string[] | undefined> {
  try {
    const response = await fetch(`${storeUrl}/api/v1/cluster`, {
      headers: apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` },
      signal: AbortSignal.timeout(5000),
    });
    if (response.status === 401 || response.status === 403)
      return ['the store tells nobody without an API key that has the scope read: export TRIUMVIR_API_KEY'];
    const { elections } = clusterSchema.parse(await response.json());
    return elections.map(({ election, leader }) => {
      if (leader === null) return `${election}: nobody`;
      const epoch = leader.epoch === undefined || leader.epoch === null ? '' : ` (epoch ${leader.epoch})`;
      return `${election}: ${leader.id}${epoch}`;
    });
  } catch {
    return undefined;
  }
}

export const urlOf = (port: number): string => `http://127.0.0.1:${port}`;
