/** Runs another program to its end. */
import { spawn, spawnSync, type StdioOptions } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { interrupted } from './interruption.js';

export interface CommandOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Output is appended to this file instead of appearing on the screen. */
  readonly logFile?: string;
}

/** Resolves with the exit code; that of a program that a signal ended is 128 + 15. Ends with this process when that is interrupted. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<number> {
  const { logFile, ...spawnOptions } = options;
  const log = logFile === undefined ? undefined : openSync(logFile, 'a');
  const stdio: StdioOptions = log === undefined ? 'inherit' : ['ignore', log, log];
  try {
    return await new Promise((resolve, reject) => {
      const child = spawn(command, args, { ...spawnOptions, stdio });
      const end = () => child.kill('SIGTERM');
      interrupted.addEventListener('abort', end);
      child.once('error', reject);
      child.once('close', (code) => {
        interrupted.removeEventListener('abort', end);
        resolve(code ?? 143);
      });
    });
  } finally {
    if (log !== undefined) closeSync(log);
  }
}

/** What a program prints, without the newline at the end; undefined when it fails or is not there. */
export function outputOf(command: string, args: readonly string[], timeoutMs = 10_000): string | undefined {
  const { status, stdout } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: timeoutMs,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 ? stdout.trim() : undefined;
}

/** The last lines of a file; empty when there is none. */
export function tail(file: string, lines = 20): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '';
  }
}
