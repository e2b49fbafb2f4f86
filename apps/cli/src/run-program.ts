/** Runs a command line in this process: its streams, its signals, its exit code. */
import { setMaxListeners } from 'node:events';
import { ExitCode, InterruptedError } from './exit-codes.js';
import type { Terminal } from './terminal.js';

export type Program = (args: readonly string[], terminal: Terminal, signal: AbortSignal) => Promise<ExitCode>;

export async function runProgram(program: Program): Promise<void> {
  const interruption = new AbortController();
  // Each request under way listens to it, and there may be many.
  setMaxListeners(0, interruption.signal);

  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      // The first one ends the command in order, and with the terminal as it was; someone who presses again does not want
      // to wait for that.
      if (interruption.signal.aborted) process.exit(ExitCode.interrupted);
      interruption.abort(new InterruptedError());
    });
  }
  process.stdout.on('error', endQuietlyWhenNobodyReads);
  process.stderr.on('error', endQuietlyWhenNobodyReads);

  // Not process.exit(): it would drop what a pipe has not taken yet.
  process.exitCode = await program(
    process.argv.slice(2),
    {
      // Looked at by those alone who read keys.
      get stdin() {
        return process.stdin;
      },
      stdout: process.stdout,
      stderr: process.stderr,
      env: process.env,
    },
    interruption.signal,
  );
}

/** `triumvir list | head` closes the pipe early: nobody reads on, so there is nothing left to do, and no error. */
function endQuietlyWhenNobodyReads(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(process.exitCode ?? ExitCode.ok);
}
