/**
 * `command`: runs a shell command line, in a process group of its own so that all it started ends with it, and in a
 * clean environment so that none of the executor's credentials leak into it. A spawner process starts it.
 */
import { tmpdir } from 'node:os';
import { z } from 'zod';
import { noNul } from '#common/config/names.js';
import type { Ending } from '../spawner/messages.js';
import { SpawnerPool } from '../spawner/spawner-pool.js';
import { CommandNotStarted, SpawnerLost, type CommandRun } from '../spawner/spawner.js';
import { defineHandler, JobFailure, WorkLost } from './handler.js';
import { parentsVariable } from './parents-variable.js';

const spawners = new SpawnerPool();

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
    const { jobId, attempt, killGraceMs, output } = context;
    const startedAt = performance.now();
    const { exitCode, signal } = await runToEnd({
      command,
      cwd: cwd ?? tmpdir(),
      env: {
        ...env,
        ...parentsVariable(await context.parents()),
        JOB_ID: jobId,
        JOB_ATTEMPT: String(attempt),
      },
      signal: context.signal,
      killGraceMs,
      wrote: (stream, bytes) => output.write(stream, bytes),
    });
    const durationMs = Math.round(performance.now() - startedAt);
    if (exitCode === 0) return { exitCode, durationMs };
    throw new JobFailure({
      name: 'CommandFailed',
      message: signal === null ? `exit code ${exitCode}` : `ended by ${signal}`,
      details: { exitCode, signal, durationMs },
    });
  },
});

async function runToEnd(command: CommandRun): Promise<Ending> {
  try {
    return await spawners.run(command);
  } catch (error) {
    if (error instanceof SpawnerLost) throw new WorkLost(error.message);
    if (!(error instanceof CommandNotStarted)) throw error;
    const { name, message } = error;
    throw new JobFailure({ name, message, details: { cwd: command.cwd } });
  }
}
