/**
 * Redis that holds what nobody published: the genuine deliveries of some waiting jobs are taken out of the queue before
 * anybody has them, and void ones, older and younger, are put in their place. None of the void ones may start anything.
 */
import { Queue } from 'bullmq';
import { encodeEnvelope, type EnvelopeData } from '#common/queue/envelope.js';
import { eventually } from '../../support/eventually.js';
import type { Fault, FaultContext } from './fault.js';

const QUEUE = 'default';
const WAITING = 3;

interface QueuedJob {
  readonly id: string;
  readonly delivery: number;
}

export const STALE_DELIVERIES: Fault = {
  name: 'stale-deliveries',
  harms: 'redis',
  holdMs: 0,
  measuredFrom: 'end',
  boundMs: 5000,
  inject: (context) =>
    context.system.withRedis(async (connection) => {
      const queue = new Queue<EnvelopeData>(QUEUE, { connection, prefix: context.system.redisPrefix });
      try {
        // While BullMQ holds the queue back, what is fed stays in it.
        await queue.pause();
        await replaceDeliveries(queue, context);
      } finally {
        await queue.resume();
        await queue.close();
      }
      return () => undefined;
    }),
};

async function replaceDeliveries(
  queue: Queue<EnvelopeData>,
  { system, withdrawn }: FaultContext,
): Promise<void> {
  const envelopes = await eventually(async () => {
    const waiting = await queue.getJobs(['waiting', 'prioritized']);
    if (waiting.length < WAITING) throw new Error(`only ${waiting.length} deliveries wait in ${QUEUE}`);
    return waiting;
  });
  for (const envelope of envelopes) {
    if (envelope === undefined || (await queue.remove(envelope.id ?? '')) === 0) continue;
    const atMs = Date.now();
    for (const [jobId, delivery] of envelope.data.d) {
      withdrawn({ jobId, delivery, atMs });
      const [job] = await system.query<QueuedJob>('SELECT id, delivery FROM jobs WHERE id = $1', [jobId]);
      if (job === undefined) continue;
      const forged = [delivery - 1, delivery + 1, delivery + 7].filter((number) => number > 0);
      await queue.addBulk(
        forged.map((number) => ({
          name: 'envelope',
          data: encodeEnvelope({ deliveries: [{ jobId, delivery: number }], dueInMs: 0 }),
          opts: { removeOnComplete: true, removeOnFail: true, jobId: `forged-${jobId}-${number}` },
        })),
      );
    }
  }
}
