/**
 * Both ends of the line between the benchmark and a process that it drives: a peer, a load generator. Each runs alone in
 * its process, as our services do, and answers commands; it ends when the benchmark does.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { ROOT } from '#tools/root.js';
import { tail } from '#tools/run-command.js';

export type Commands = Readonly<Record<string, (argument: never) => unknown>>;

interface Request {
  readonly id: number;
  readonly command: string;
  readonly argument: unknown;
}

type Reply =
  { readonly id: number; readonly result: unknown } | { readonly id: number; readonly error: string };

/** Called by the process that is driven. */
export function answerCommands(commands: Commands): void {
  process.on('disconnect', () => process.exit(0));
  process.on('message', ({ id, command, argument }: Request) => {
    const answer = async () => commands[command]?.(argument as never);
    answer().then(
      (result) => process.send?.({ id, result } satisfies Reply),
      (error: unknown) =>
        process.send?.({
          id,
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        } satisfies Reply),
    );
  });
}

/** A process that is driven, seen from the benchmark. */
export class Contestant<Known extends Commands> {
  #lastId = 0;
  readonly #waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  readonly #killOnExit = () => this.child.kill('SIGKILL');

  private constructor(
    private readonly child: ChildProcess,
    private readonly logFile: string,
  ) {
    process.once('exit', this.#killOnExit);
    child.on('message', (reply: Reply) => {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if ('error' in reply) waiting?.reject(new Error(reply.error));
      else waiting?.resolve(reply.result as never);
    });
    const failAll = (reason: string) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${reason}\n${tail(logFile)}`));
      this.#waiting.clear();
    };
    child.on('error', (error) => failAll(error.message));
    child.on('exit', (code, signal) => failAll(`${logFile} ended with ${signal ?? `code ${code}`}:`));
  }

  /** @param script below dist/bench/, such as `peers/bullmq.js` */
  static start<Known extends Commands>(
    script: string,
    folder: string,
    env: Readonly<Record<string, string>> = {},
  ): Contestant<Known> {
    const logFile = join(folder, `${script.replaceAll(/\W/g, '-')}.log`);
    const log = openSync(logFile, 'a');
    const child = fork(join(ROOT, 'dist', 'bench', script), {
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: process.env['HOME'] ?? '/',
        NODE_ENV: 'production',
        ...env,
      },
      stdio: ['ignore', log, log, 'ipc'],
      execArgv: ['--enable-source-maps'],
    });
    closeSync(log);
    return new Contestant<Known>(child, logFile);
  }

  /** @throws what the command threw, or an error when there is no answer within `withinMs` */
  call<Name extends keyof Known & string>(
    command: Name,
    argument: Parameters<Known[Name]>[0],
    withinMs = 120_000,
  ): Promise<Awaited<ReturnType<Known[Name]>>> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${command}: no answer within ${withinMs} ms (${this.logFile})`)),
        withinMs,
      );
      const settle =
        <Value>(action: (value: Value) => void) =>
        (value: Value) => {
          clearTimeout(timer);
          action(value);
        };
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
      this.child.send({ id, command, argument } satisfies Request);
    });
  }

  async stop(): Promise<void> {
    process.off('exit', this.#killOnExit);
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    // Nothing of a peer's is worth waiting for: its turn is over and its database goes.
    this.child.kill('SIGKILL');
    await gone;
  }
}
