/**
 * One service of the system under test. The suite is its supervisor, as Docker's restart policy would be: what the suite
 * kills it starts again, and what ends without being asked is put on record and started again too.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from 'node:events';
import { isReady, type ServiceKind } from '#tools/services.js';
import { ROOT } from '#tools/root.js';

export interface ServiceProcessOptions {
  readonly kind: ServiceKind;
  readonly id: string;
  readonly port: number;
  /** Holds dist/ and what it needs. */
  readonly codeFolder: string;
  /** Logs and control files are kept here. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Called when it ended and the suite had not asked for that, or not as it was asked to. */
  readonly onUnexpectedExit: (exit: UnexpectedExit) => void;
}

export interface UnexpectedExit {
  readonly service: string;
  readonly atMs: number;
  /** `ended by itself (exit code 1)` */
  readonly how: string;
}

const PRELOAD = join(ROOT, 'test', 'chaos', 'system', 'preload.mjs');
const RESTART_AFTER_MS = 1000;

export class ServiceProcess {
  readonly kind: ServiceKind;
  readonly id: string;
  readonly port: number;
  readonly url: string;
  readonly logFile: string;
  readonly #controlFile: string;
  #child: ChildProcess | undefined;
  #wanted = false;

  constructor(private readonly options: ServiceProcessOptions) {
    this.kind = options.kind;
    this.id = options.id;
    this.port = options.port;
    this.url = `http://127.0.0.1:${options.port}`;
    this.logFile = join(options.folder, `${options.id}.log`);
    this.#controlFile = join(options.folder, `${options.id}.control`);
  }

  /** Starts it, unless it runs. Does not wait until it is ready. */
  start(): void {
    this.#wanted = true;
    if (this.#child !== undefined) return;
    const { kind, id, port, codeFolder, env } = this.options;
    const log = openSync(this.logFile, 'a');
    const entry = join(codeFolder, 'dist', 'apps', `${kind}-service`, 'src', 'main.js');
    const child = spawn(process.execPath, ['--enable-source-maps', entry], {
      cwd: codeFolder,
      env: {
        ...env,
        INSTANCE_ID: id,
        [`${kind.toUpperCase()}_SERVICE_PORT`]: String(port),
        SERVER_PORT: '0',
        NODE_OPTIONS: `--import=${PRELOAD}`,
        CHAOS_CONTROL_FILE: this.#controlFile,
      },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#child = child;
    child.once('exit', (code, signal) => {
      this.#child = undefined;
      if (!this.#wanted) return;
      this.#unexpected(`ended by itself (${signal ?? `exit code ${code}`})`);
      setTimeout(() => this.#wanted && this.start(), RESTART_AFTER_MS);
    });
  }

  /** As a power cut would; resolves when it is gone. What it had started lives on. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM; resolves when it has ended, which it should have in time and with exit code 0. */
  async terminate(withinMs: number): Promise<void> {
    const child = this.#child;
    let hung = false;
    const timer = setTimeout(() => (hung = child?.kill('SIGKILL') === true), withinMs);
    child?.kill('SIGCONT');
    await this.#end('SIGTERM');
    clearTimeout(timer);
    if (hung) this.#unexpected(`had to be killed, ${withinMs} ms after SIGTERM`);
    else if (child !== undefined && !wentAsTold(child))
      this.#unexpected(`ended upon SIGTERM with ${child.signalCode ?? `exit code ${child.exitCode}`}`);
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Blocks the event loop of its main thread. */
  block(blockMs: number): void {
    this.#control({ blockMs });
  }

  /** Puts its wall clock forward, or back; 0 sets it right. */
  shiftClock(clockMs: number): void {
    this.#control({ clockMs });
  }

  async ready(): Promise<boolean> {
    return this.#child !== undefined && (await isReady(this.port));
  }

  /** For when there is no time to wait. */
  abandon(): void {
    this.#wanted = false;
    this.#child?.kill('SIGKILL');
  }

  #unexpected(how: string): void {
    this.options.onUnexpectedExit({ service: this.id, atMs: Date.now(), how });
  }

  #control(command: Readonly<Record<string, number>>): void {
    writeFileSync(this.#controlFile, JSON.stringify(command));
    this.#child?.kill('SIGUSR2');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.#wanted = false;
    const child = this.#child;
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }
}

/** Before it listens for SIGTERM that signal itself ends it, and another fault may kill it meanwhile. */
function wentAsTold({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode === 0 || signalCode === 'SIGTERM' || signalCode === 'SIGKILL';
}
