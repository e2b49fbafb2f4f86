/** BullMQ alone: one worker with a processor that does nothing, 100 at once, and jobs that go once they are done. */
import { setTimeout as pause } from 'node:timers/promises';
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { monotonicMs } from '../stand/clock.js';
import { answerCommands } from '../stand/contestant.js';
import type { DrainPeer } from './drain-peer.js';

const NAME = 'noop';
const CONCURRENCY = 100;
const FILL_BATCH = 2000;

const redisUrl = process.env['REDIS_URL'] ?? '';
const prefix = process.env['REDIS_PREFIX'] ?? '';
const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
const queue = new Queue(NAME, { connection, prefix });

const commands = {
  async fill(count: number) {
    for (let filled = 0; filled < count; filled += FILL_BATCH) {
      const size = Math.min(FILL_BATCH, count - filled);
      await queue.addBulk(
        Array.from({ length: size }, () => ({
          name: NAME,
          data: {},
          opts: { removeOnComplete: true, removeOnFail: true },
        })),
      );
    }
    // Filling makes Redis rewrite its file in the background; that is not part of the drain.
    while (/aof_rewrite_(in_progress|scheduled):1/.test(await connection.info('persistence')))
      await pause(50);
  },

  /** From the start of the first job until the last one's end is recorded in Redis. */
  async drain(count: number) {
    let executions = 0;
    let completed = 0;
    let startedMs = Number.NaN;
    const worker = new Worker(
      NAME,
      async () => {
        if (executions === 0) startedMs = monotonicMs();
        executions += 1;
      },
      { connection: new Redis(redisUrl, { maxRetriesPerRequest: null }), prefix, concurrency: CONCURRENCY },
    );
    await new Promise<void>((resolve, reject) => {
      worker.on('completed', () => {
        completed += 1;
        if (completed === count) resolve();
      });
      worker.on('error', reject);
    });
    const seconds = (monotonicMs() - startedMs) / 1000;
    const left = await queue.count();
    if (left > 0) throw new Error(`${left} jobs are left`);
    await worker.close();
    return { seconds, executions };
  },
} satisfies DrainPeer;

answerCommands(commands);
