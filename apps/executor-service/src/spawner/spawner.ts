/** The executor's side of one spawner process: hands it commands and follows them to their end. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { fencedProcesses } from '#common/runtime/fenced-processes.js';
import type { CommandSpec, Ending, Order, Report } from './messages.js';
import { signalGroup } from './process-group.js';

const PROGRAM = fileURLToPath(new URL('./spawner-process.js', import.meta.url));
/** What a command sees of the executor's environment. */
const PASSED_ON = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'] as const;

/** Thrown when a command could not be started: its folder does not exist, or the machine can take no more processes. */
export class CommandNotStarted extends Error {
  override readonly name = 'CommandNotStarted';
}

/** Thrown when the spawner died: how its commands would have ended is not known. They have been ended by force. */
export class SpawnerLost extends Error {
  override readonly name = 'SpawnerLost';
}

export interface CommandRun extends CommandSpec {
  /** Aborted when the command should end. */
  readonly signal: AbortSignal;
  /** How long it may then take to end before it is ended by force, in milliseconds. */
  readonly killGraceMs: number;
  readonly wrote: (stream: 'out' | 'err', bytes: Buffer) => void;
}

interface Following {
  groupId: number | undefined;
  readonly wrote: CommandRun['wrote'];
  readonly resolve: (ending: Ending) => void;
  readonly reject: (error: Error) => void;
}

export class Spawner {
  readonly #process: ChildProcess;
  readonly #followed = new Map<number, Following>();
  #lastRun = 0;

  constructor() {
    this.#process = fork(PROGRAM, {
      // A signal that a terminal sends to the executor and all its children is for the executor.
      detached: true,
      env: passedOn(),
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const { pid } = this.#process;
    if (pid !== undefined) fencedProcesses.add(pid);
    this.#process.on('message', (report) => this.#follow(report as Report));
    this.#process.on('error', (error) => {
      if (pid === undefined) this.#lose(error.message);
    });
    this.#process.on('exit', () => {
      if (pid !== undefined) fencedProcesses.remove(pid);
    });
    // Comes after the last report has been read.
    this.#process.on('close', (exitCode, signal) => this.#lose(signal ?? `exit code ${exitCode}`));
    // The executor need not wait for a spawner that has nothing to do.
    this.#process.unref();
    this.#process.channel?.unref();
  }

  get alive(): boolean {
    return this.#process.connected;
  }

  /** How many commands it runs. */
  get load(): number {
    return this.#followed.size;
  }

  /** Resolves when the command has ended. @throws CommandNotStarted, SpawnerLost */
  run({ command, cwd, env, signal, killGraceMs, wrote }: CommandRun): Promise<Ending> {
    this.#lastRun += 1;
    const run = this.#lastRun;
    const stop = () => this.#order({ kind: 'stop', run, graceMs: killGraceMs });
    return new Promise<Ending>((resolve, reject) => {
      this.#followed.set(run, { groupId: undefined, wrote, resolve, reject });
      this.#process.channel?.ref();
      this.#order({ kind: 'start', run, command, cwd, env });
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
    }).finally(() => signal.removeEventListener('abort', stop));
  }

  #order(order: Order): void {
    // What cannot be sent any more is answered by `close`.
    this.#process.send(order, () => undefined);
  }

  #follow(report: Report): void {
    const followed = this.#followed.get(report.run);
    if (followed === undefined) return;
    switch (report.kind) {
      case 'started':
        followed.groupId = report.groupId;
        break;
      case 'wrote':
        followed.wrote(report.stream, report.bytes);
        break;
      case 'refused':
        this.#forget(report.run);
        followed.reject(new CommandNotStarted(report.message));
        break;
      case 'ended':
        this.#forget(report.run);
        followed.resolve({ exitCode: report.exitCode, signal: report.signal });
        break;
      default:
        throw new Error(`unknown report ${JSON.stringify(report satisfies never)}`);
    }
  }

  #forget(run: number): void {
    this.#followed.delete(run);
    if (this.#followed.size === 0) this.#process.channel?.unref();
  }

  #lose(reason: string): void {
    for (const [run, { groupId, reject }] of this.#followed) {
      if (groupId !== undefined) signalGroup(groupId, 'SIGKILL');
      this.#followed.delete(run);
      reject(new SpawnerLost(`the process that had started the command died: ${reason}`));
    }
  }
}

function passedOn(): Record<string, string> {
  return Object.fromEntries(
    PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
