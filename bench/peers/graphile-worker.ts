/**
 * graphile-worker, with the settings that were fastest here: a local queue of 1,000, ends recorded in batches after at
 * most 10 ms, 50 jobs at once. For latency its defaults are faster, without either: see `serve`.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Logger, makeWorkerUtils, run, type Runner, type TaskList } from 'graphile-worker';
import pg from 'pg';
import { monotonicMs } from '../stand/clock.js';
import { answerCommands } from '../stand/contestant.js';
import type { DrainPeer } from './drain-peer.js';

const connectionString = process.env['DATABASE_URL'] ?? '';
const FILL_BATCH = 5000;

const logger = new Logger(() => () => undefined);
const utils = await makeWorkerUtils({ connectionString, logger });
const pool = new pg.Pool({ connectionString, max: 1 });
await utils.migrate();

let executions = 0;
let firstStartMs = Number.NaN;
/** Called at the start of each job, with how many have started. */
let onStart: (executions: number) => void = () => undefined;
let server: Runner | undefined;

const taskList: TaskList = {
  noop: () => {
    if (executions === 0) firstStartMs = monotonicMs();
    executions += 1;
    onStart(executions);
  },
};

const commands = {
  async fill(count: number) {
    for (let filled = 0; filled < count; filled += FILL_BATCH) {
      const size = Math.min(FILL_BATCH, count - filled);
      await utils.addJobs(
        Array.from({ length: size }, () => ({ identifier: 'noop', payload: {} })),
        false,
      );
    }
  },

  /** From the start of the first job until none is left in Postgres. */
  async drain(count: number) {
    executions = 0;
    const allStarted = new Promise<void>((resolve) => {
      onStart = (started) => started === count && resolve();
    });
    const runner = await run({
      connectionString,
      logger,
      taskList,
      noHandleSignals: true,
      concurrency: 50,
      preset: {
        worker: { localQueue: { size: 1000 }, completeJobBatchDelay: 10, failJobBatchDelay: 10 },
      },
    });
    await allStarted;
    while (await anyLeft()) await pause(5);
    const seconds = (monotonicMs() - firstStartMs) / 1000;
    await runner.stop();
    return { seconds, executions };
  },

  /** Starts a worker that stays, with the settings that are best for latency. */
  async serve() {
    server = await run({ connectionString, logger, taskList, noHandleSignals: true, concurrency: 50 });
  },

  /** From just before `addJob` until the task starts, in milliseconds. */
  async latency() {
    const started = new Promise<number>((resolve) => {
      onStart = () => resolve(monotonicMs());
    });
    const addedMs = monotonicMs();
    await utils.addJob('noop', {});
    return (await started) - addedMs;
  },

  async stop() {
    await server?.stop();
  },
} satisfies DrainPeer;

async function anyLeft(): Promise<boolean> {
  const { rows } = await pool.query<{ left: boolean }>(
    'SELECT EXISTS (SELECT FROM graphile_worker._private_jobs) AS left',
  );
  return rows[0]?.left === true;
}

export type GraphileWorker = typeof commands;
answerCommands(commands);
