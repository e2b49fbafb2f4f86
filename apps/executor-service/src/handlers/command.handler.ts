/**
 * `command`: runs a shell command line, in a process group of its own so that all it started ends with it, and in a
 * clean environment so that none of the executor's credentials leak into it.
 */
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { z } from 'zod';
import { noNul } from '#common/config/names.js';
import { defineHandler, JobFailure, type HandlerContext } from './handler.js';
import { parentsVariable } from './parents-variable.js';
import { processGroups, signalGroup } from '#common/runtime/process-groups.js';

/** What a command sees of the executor's environment. */
const PASSED_ON = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'] as const;
/** How long output may still arrive after the shell has ended, from a process that left its group, in milliseconds. */
const DRAIN_MS = 500;

export default defineHandler({
  type: 'command',
  payload: z.strictObject({
    command: noNul(z.string().min(1).max(65_536)).describe('A command line for /bin/sh.'),
    cwd: noNul(z.string().min(1).max(4096))
      .optional()
      .describe('Folder to run in; a temporary one unless given.'),
    env: z
      .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), noNul(z.string().max(32_768)))
      .optional()
      .describe('Further environment variables.'),
  }),
  run: async ({ command, cwd, env }, context) => {
    const startedAt = performance.now();
    const variables = { ...env, ...parentsVariable(await context.parents()) };
    const { exitCode, signal } = await runShell(command, cwd ?? tmpdir(), variables, context);
    const durationMs = Math.round(performance.now() - startedAt);
    if (exitCode === 0) return { exitCode, durationMs };
    throw new JobFailure({
      name: 'CommandFailed',
      message: signal === null ? `exit code ${exitCode}` : `ended by ${signal}`,
      details: { exitCode, signal, durationMs },
    });
  },
});

interface Ending {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

function runShell(
  command: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
  { jobId, attempt, signal, output, killGraceMs }: HandlerContext,
): Promise<Ending> {
  return new Promise((resolve, reject) => {
    const shell = spawn('/bin/sh', ['-c', command], {
      cwd,
      env: { ...passedOn(), ...env, JOB_ID: jobId, JOB_ATTEMPT: String(attempt) },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { pid } = shell;
    shell.on('error', (error) => {
      reject(new JobFailure({ name: 'CommandNotStarted', message: error.message, details: { cwd } }));
    });
    if (pid === undefined) return;
    processGroups.add(pid);

    shell.stdout.on('data', (bytes: Buffer) => output.write('out', bytes));
    shell.stderr.on('data', (bytes: Buffer) => output.write('err', bytes));

    let killTimer: NodeJS.Timeout | undefined;
    const terminate = () => {
      signalGroup(pid, 'SIGTERM');
      killTimer = setTimeout(() => signalGroup(pid, 'SIGKILL'), killGraceMs);
    };
    if (signal.aborted) terminate();
    else signal.addEventListener('abort', terminate, { once: true });

    let drainTimer: NodeJS.Timeout | undefined;
    shell.on('exit', () => {
      // The job is over when its shell is: what it left in the background does not outlive it.
      signalGroup(pid, 'SIGKILL');
      processGroups.remove(pid);
      drainTimer = setTimeout(() => {
        shell.stdout.destroy();
        shell.stderr.destroy();
      }, DRAIN_MS);
    });
    shell.on('close', (exitCode, endedBy) => {
      clearTimeout(killTimer);
      clearTimeout(drainTimer);
      signal.removeEventListener('abort', terminate);
      resolve({ exitCode, signal: endedBy });
    });
  });
}

function passedOn(): Record<string, string> {
  return Object.fromEntries(
    PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}
