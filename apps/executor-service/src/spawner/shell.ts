/** One command line while it runs: a shell in a process group of its own, so that all it has started ends with it. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { CommandSpec, Ending } from './messages.js';
import { signalGroup } from './process-group.js';

/** How long output may still arrive after the shell has ended, from a process that left its group, in milliseconds. */
const DRAIN_MS = 500;

export interface ShellListener {
  started(groupId: number): void;
  refused(message: string): void;
  wrote(stream: 'out' | 'err', bytes: Buffer): void;
  /** Nothing more is heard of it. */
  ended(ending: Ending): void;
}

export class Shell {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  #killTimer: NodeJS.Timeout | undefined;

  /** @throws when the machine refuses at once; later refusals are told to the listener */
  constructor({ command, cwd, env }: CommandSpec, listener: ShellListener) {
    this.#child = spawn('/bin/sh', ['-c', command], {
      cwd,
      env: { ...process.env, ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { pid, stdout, stderr } = this.#child;
    this.#child.on('error', (error) => listener.refused(error.message));
    if (pid === undefined) return;
    listener.started(pid);

    stdout.on('data', (bytes: Buffer) => listener.wrote('out', bytes));
    stderr.on('data', (bytes: Buffer) => listener.wrote('err', bytes));
    let drainTimer: NodeJS.Timeout | undefined;
    this.#child.on('exit', () => {
      // The job is over when its shell is: what it left in the background does not outlive it.
      signalGroup(pid, 'SIGKILL');
      clearTimeout(this.#killTimer);
      drainTimer = setTimeout(() => {
        stdout.destroy();
        stderr.destroy();
      }, DRAIN_MS);
    });
    this.#child.on('close', (exitCode, signal) => {
      clearTimeout(drainTimer);
      listener.ended({ exitCode, signal });
    });
  }

  /** Asks the group to end, and ends it by force when it has not after `graceMs`. */
  stop(graceMs: number): void {
    if (!this.#signal('SIGTERM')) return;
    clearTimeout(this.#killTimer);
    this.#killTimer = setTimeout(() => this.kill(), graceMs);
  }

  kill(): void {
    this.#signal('SIGKILL');
  }

  /** Lets it write no further than its pipes hold, or again. */
  hold(held: boolean): void {
    if (this.#child.pid === undefined) return;
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (held) stream.pause();
      else stream.resume();
    }
  }

  /** @returns whether the shell was still there; the id of a group that has ended may be another's by now */
  #signal(signal: NodeJS.Signals): boolean {
    const { pid, exitCode, signalCode } = this.#child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return false;
    signalGroup(pid, signal);
    return true;
  }
}
