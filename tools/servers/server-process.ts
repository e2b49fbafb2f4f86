/**
 * One operating-system process that runs a server (Postgres, Redis, ZooKeeper) for development and for tests. What all
 * of them need is here, so that the server classes beside this file only know their own configuration: a log file,
 * waiting until the server answers, an error that says why it did not, an end that is certain, and the signals with
 * which tests make a server fail.
 */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What every server class offers, so that a test can make any of them fail in the same way. */
export interface Server {
  readonly name: string;
  readonly port: number;
  /** Id of the running process; undefined while there is none. */
  readonly pid: number | undefined;
  /** Resolves when the server serves. */
  start(): Promise<void>;
  /** Ends it in good order; resolves when the process is gone. */
  stop(): Promise<void>;
  /** Ends it at once, as a power cut would (SIGKILL); resolves when the process is gone. */
  kill(): Promise<void>;
  /** Freezes it (SIGSTOP): its connections stay open and silent. */
  pause(): void;
  resume(): void;
}

export interface ServerProcessOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** The whole environment of the process; that of this process unless given. */
  readonly env?: NodeJS.ProcessEnv;
  /** Standard output and error are appended to this file. */
  readonly logFile: string;
  /** True: it runs on when this process ends. False, the default: it is killed when this process exits. */
  readonly detached?: boolean;
  /** Called with the process id as soon as the process exists, so that whoever keeps a record has it before it is ready. */
  readonly onSpawn?: ((pid: number) => void) | undefined;
  readonly uid?: number;
  readonly gid?: number;
  /** Asked again and again until it says true; an error it throws counts as false. */
  readonly ready: () => Promise<boolean>;
  /** How long that may take, in milliseconds. Default 30,000. */
  readonly readyWithinMs?: number;
}

/** Thrown when a server ended, or did not answer in time; the message carries the end of its log. */
export class ServerStartError extends Error {
  override readonly name = 'ServerStartError';
}

const POLL_MS = 25;
const FIRST_OWN_PORT = 10_240;
const FIRST_EPHEMERAL_PORT = 32_768;
const LOG_TAIL_LINES = 20;

export class ServerProcess {
  private constructor(readonly pid: number) {}

  /**
   * Starts the process and resolves when it is ready.
   * @throws ServerStartError when it cannot be started, exits, or is not ready in time (it is killed then).
   */
  static async start(options: ServerProcessOptions): Promise<ServerProcess> {
    const log = openSync(options.logFile, 'a');
    const logStart = readFileSync(options.logFile).length;
    const child = spawn(options.command, options.args, {
      stdio: ['ignore', log, log],
      detached: options.detached ?? false,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    });
    closeSync(log);
    if (child.pid !== undefined) options.onSpawn?.(child.pid);

    let ended: string | undefined;
    const killOnExit = () => child.kill('SIGKILL');
    child.once('error', (error) => (ended = `could not be started (${error.message})`));
    child.once('exit', (code, signal) => {
      process.off('exit', killOnExit);
      ended = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
    });
    if (options.detached) child.unref();
    else process.once('exit', killOnExit);

    const fail = (reason: string) =>
      new ServerStartError(
        `${options.name} ${reason}. Its log, ${options.logFile}, ends with:\n${logTail(options.logFile, logStart)}`,
      );
    const readyWithinMs = options.readyWithinMs ?? 30_000;
    const deadline = Date.now() + readyWithinMs;
    while (!(await options.ready().catch(() => false))) {
      if (ended === undefined && Date.now() > deadline) {
        child.kill('SIGKILL');
        throw fail(`did not become ready within ${readyWithinMs} ms`);
      }
      if (ended !== undefined) throw fail(ended);
      await delay(POLL_MS);
    }
    // A stranger on the same port can answer in its place.
    if (ended !== undefined || child.pid === undefined) throw fail(ended ?? 'has no process');
    return new ServerProcess(child.pid);
  }

  get running(): boolean {
    return isRunning(this.pid);
  }

  stop(graceMs = 10_000): Promise<void> {
    return endProcess(this.pid, graceMs);
  }

  kill(): Promise<void> {
    return endProcess(this.pid, 0);
  }

  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }
}

/** Ends a process: SIGTERM, and SIGKILL when it is still there after `graceMs` (0: at once). Resolves when it is gone. */
export async function endProcess(pid: number, graceMs: number): Promise<void> {
  const deadline = Date.now() + graceMs;
  if (graceMs > 0 && signalled(pid, 'SIGTERM')) {
    // A paused process would get the SIGTERM only once it is resumed.
    signalled(pid, 'SIGCONT');
    while (isRunning(pid) && Date.now() < deadline) await delay(POLL_MS);
  }
  while (isRunning(pid)) {
    signalled(pid, 'SIGKILL');
    await delay(POLL_MS);
  }
}

export function isRunning(pid: number): boolean {
  if (!signalled(pid, 0)) return false;
  try {
    // A process that has ended but that its parent has not asked about (a zombie) still takes signals.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true; // no /proc on this system, or gone this moment: the next look will tell
  }
}

/** Sends a signal; false when there is no such process. */
function signalled(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}

/**
 * A loopback port that is free right now, below those that systems give to outgoing connections (from 32768 on, Linux;
 * from 49152 on elsewhere): one of those may be taken by any connection before the server that it is for listens.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST_OWN_PORT, FIRST_EPHEMERAL_PORT);
    if (await canListen(port)) return port;
  }
}

/** Whether a server could listen there, on loopback. */
export function canListen(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The last lines of what was logged since `start`. */
function logTail(logFile: string, start: number): string {
  const lines = readFileSync(logFile).subarray(start).toString('utf8').trimEnd().split('\n');
  return lines.slice(-LOG_TAIL_LINES).join('\n');
}
