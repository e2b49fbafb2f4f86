/**
 * pg-boss, with the way of working that was fastest here: several loops that fetch 1,000 jobs and complete them in one
 * statement. Its own `work` looks for jobs twice a second at most, whatever waits.
 */
import PgBoss from 'pg-boss';
import { monotonicMs } from '../stand/clock.js';
import { answerCommands } from '../stand/contestant.js';
import type { DrainPeer } from './drain-peer.js';

const QUEUE = 'noop';
const BATCH = 1000;
const LOOPS = 4;

const boss = new PgBoss({
  connectionString: process.env['DATABASE_URL'] ?? '',
  // Neither is needed within one turn.
  supervise: false,
  schedule: false,
});
boss.on('error', (error) => console.error(error));
await boss.start();
await boss.createQueue(QUEUE);

let executions = 0;

async function drainLoop(): Promise<void> {
  for (;;) {
    const jobs = await boss.fetch(QUEUE, { batchSize: BATCH, priority: false });
    if (jobs.length === 0) return;
    for (const { data } of jobs) noop(data);
    await boss.complete(
      QUEUE,
      jobs.map(({ id }) => id),
    );
  }
}

function noop(_data: unknown): void {
  executions += 1;
}

const commands = {
  async fill(count: number) {
    for (let filled = 0; filled < count; filled += BATCH) {
      const size = Math.min(BATCH, count - filled);
      await boss.insert(
        QUEUE,
        Array.from({ length: size }, () => ({ name: QUEUE, data: {} })),
      );
    }
  },

  /** From the first fetch until the last completion is recorded. */
  async drain(_count: number) {
    executions = 0;
    const startedMs = monotonicMs();
    await Promise.all(Array.from({ length: LOOPS }, drainLoop));
    return { seconds: (monotonicMs() - startedMs) / 1000, executions };
  },
} satisfies DrainPeer;

answerCommands(commands);
