/**
 * Queues with the drain policy `leader`: each is drained by one elected executor. This process stands for election in each
 * of them, drains those that it leads, and stops as soon as it no longer does; what it has started by then it finishes.
 *
 * That one job at a time is in flight, and which, is the feeder's doing and fenced there (ordered-claim-statement.ts).
 * Leadership decides where it runs, so a leader that learns late of its end does no harm.
 */
import { LeaderElection, type Campaign } from '#common/coordination/leader-election.js';
import type { Logger } from '#common/logging/logger.js';
import type { DeliveryConsumer } from '#common/queue/delivery-consumer.js';

export class LedQueues {
  readonly #campaigns = new Map<string, Campaign>();

  constructor(
    private readonly election: LeaderElection,
    private readonly consumer: Pick<DeliveryConsumer, 'drain' | 'release'>,
    private readonly log: Logger,
  ) {}

  /** Stands for election in a queue. @returns false when it does already */
  stand(queue: string): boolean {
    if (this.#campaigns.has(queue)) return false;
    const campaign = this.election.campaign(`executor/queues/${queue}`, async ({ signal, epoch }) => {
      this.log.info('leading queue', { queue, epoch });
      this.consumer.drain(queue);
      await aborted(signal);
      // Once it does not stand any more, whether the queue is drained here is for others to say.
      if (this.#campaigns.get(queue) === campaign) this.consumer.release(queue);
      this.log.info('no longer leading queue', { queue, epoch });
    });
    this.#campaigns.set(queue, campaign);
    return true;
  }

  /** Gives up standing for election in every queue but these. @returns the queues that it stood in */
  keepOnly(queues: ReadonlySet<string>): string[] {
    const left = [...this.#campaigns.keys()].filter((queue) => !queues.has(queue));
    for (const queue of left) {
      const campaign = this.#campaigns.get(queue);
      this.#campaigns.delete(queue);
      void campaign?.resign();
    }
    return left;
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted)
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
