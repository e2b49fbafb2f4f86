/** Starts the services from dist/ as processes, for `make start` and for the tests that need a whole cluster. */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { checkpoint } from './interruption.js';
import { identify, isAlive, type ProcessIdentity } from './process-identity.js';
import { ROOT } from './root.js';
import { tail } from './run-command.js';
import { PlainError } from './screen.js';

export const SERVICE_KINDS = ['store', 'scheduler', 'executor'] as const;
export type ServiceKind = (typeof SERVICE_KINDS)[number];

export interface ServiceOptions {
  readonly kind: ServiceKind;
  /** INSTANCE_ID: its name in logs and in the cluster view. */
  readonly id: string;
  /** Where it serves HTTP; a scheduler or an executor only its health. */
  readonly port: number;
  /** Where a store serves gRPC; any free port unless given. */
  readonly grpcPort?: number;
  /** Its whole environment, except for its id and port. */
  readonly env: Readonly<Record<string, string>>;
  /** Standard output and error are appended to this file. */
  readonly logFile: string;
  /** True: it runs on when this process ends. */
  readonly detached: boolean;
}

/** A process that says over HTTP whether it is ready. */
export interface LaunchedProcess extends ProcessIdentity {
  readonly id: string;
  readonly port: number;
  readonly logFile: string;
}

export interface LaunchedService extends LaunchedProcess {
  readonly kind: ServiceKind;
}

const PORT_SETTINGS: Readonly<Record<ServiceKind, string>> = {
  store: 'STORE_SERVICE_PORT',
  scheduler: 'SCHEDULER_SERVICE_PORT',
  executor: 'EXECUTOR_SERVICE_PORT',
};

const POLL_MS = 50;
/** Generous: many processes start at once, perhaps on a small machine. One that ends is noticed at once. */
const READY_WITHIN_MS = 60_000;
const LOG_TAIL_LINES = 15;

/**
 * Batches live a few milliseconds: with room for them in the young generation a quarter of the executor's time is not
 * spent on moving them out of it. A scheduler makes less garbage and stays small. docker-compose.yaml says the same.
 */
const YOUNG_GENERATION_MB: Readonly<Record<ServiceKind, number>> = { store: 64, scheduler: 16, executor: 64 };

/** Starts a compiled program of ours; its output is appended to the log. */
export function launchProgram(
  entry: string,
  args: readonly string[],
  { env, logFile, detached }: Pick<ServiceOptions, 'env' | 'logFile' | 'detached'>,
  flags: readonly string[] = [],
): ProcessIdentity {
  const log = openSync(logFile, 'a');
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', ...flags, join(ROOT, 'dist', entry), ...args],
    {
      cwd: ROOT,
      env: { ...env },
      stdio: ['ignore', log, log],
      detached,
    },
  );
  closeSync(log);
  child.on('error', () => undefined); // Seen as a process that has no id.
  if (detached) child.unref();
  if (child.pid === undefined) throw new PlainError(`No process could be made for ${entry}.`);
  return identify(child.pid) ?? { pid: child.pid, startedAt: 'ended at once' };
}

/** Returns at once, so that the process can be recorded before anything else happens. */
export function launchService(options: ServiceOptions): LaunchedService {
  const { kind, id, port, grpcPort = 0, env, logFile, detached } = options;
  const identity = launchProgram(
    `apps/${kind}-service/src/main.js`,
    [],
    {
      env: { ...env, INSTANCE_ID: id, [PORT_SETTINGS[kind]]: String(port), SERVER_PORT: String(grpcPort) },
      logFile,
      detached,
    },
    [`--max-semi-space-size=${YOUNG_GENERATION_MB[kind]}`],
  );
  return { ...identity, kind, id, port, logFile };
}

/**
 * Resolves when every one of them says that it is ready, or at least that it lives.
 * @throws PlainError with the end of the log when one ends, or is not ready in time.
 */
export async function waitUntilReady(
  services: readonly LaunchedProcess[],
  withinMs = READY_WITHIN_MS,
  question: 'ready' | 'live' = 'ready',
): Promise<void> {
  const deadline = Date.now() + withinMs;
  await Promise.all(
    services.map(async (service) => {
      while (!(await isReady(service.port, question))) {
        checkpoint();
        if (!isAlive(service)) throw notReady(service, 'ended');
        if (Date.now() > deadline) throw notReady(service, `was not ready within ${withinMs / 1000} s`);
        await delay(POLL_MS);
      }
      // A stranger on the same port can answer in its place.
      if (!isAlive(service)) throw notReady(service, 'ended');
    }),
  );
}

export async function isReady(port: number, question: 'ready' | 'live' = 'ready'): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health/${question}`, {
      signal: AbortSignal.timeout(2000),
    });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}

function notReady({ id, logFile }: LaunchedProcess, what: string): PlainError {
  return new PlainError(`${id} ${what}. Its log, ${logFile}, ends with:\n${tail(logFile, LOG_TAIL_LINES)}`);
}
