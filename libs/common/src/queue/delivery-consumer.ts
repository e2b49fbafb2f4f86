/** The executor's side of BullMQ: takes envelopes from queues and hands their deliveries to a runner. */
import { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { RedisEnvironment } from '#common/config/environment.js';
import type { Delivery } from '#common/domain/job.js';
import type { Logger } from '#common/logging/logger.js';
import { waitUntil } from '#common/runtime/wait-until.js';
import { decodeEnvelope, type EnvelopeData } from './envelope.js';
import { connectConsumer, faultFinder } from './redis-connection.js';

export interface ConsumerOptions {
  /** Envelopes of one queue that are worked on at the same time. */
  readonly concurrency: number;
  /** Runs the deliveries of an envelope and resolves when all of them are dealt with. It does not throw. */
  readonly run: (deliveries: readonly Delivery[]) => Promise<void>;
}

export class DeliveryConsumer {
  readonly #redis: Redis;
  /** For readiness: tells what is wrong, or undefined. */
  readonly check: () => Promise<string | undefined>;
  readonly #workers = new Map<string, Worker<EnvelopeData>>();

  constructor(
    private readonly environment: RedisEnvironment,
    private readonly options: ConsumerOptions,
    private readonly log: Logger,
  ) {
    this.#redis = connectConsumer(environment, log);
    this.check = faultFinder(this.#redis, environment);
  }

  /** Starts to drain a queue; does nothing when it is drained already. */
  drain(queue: string): void {
    if (this.#workers.has(queue)) return;
    const worker = new Worker<EnvelopeData>(
      queue,
      async ({ data }) => {
        const { deliveries, dueInMs } = decodeEnvelope(data);
        if (dueInMs > 0) await waitUntil(performance.now() + dueInMs);
        await this.options.run(deliveries);
      },
      {
        connection: this.#redis,
        prefix: this.environment.REDIS_PREFIX,
        concurrency: this.options.concurrency,
      },
    );
    // BullMQ's own redelivery of what a dead process had taken is harmless: by then the delivery is void.
    worker.on('error', (error) => this.log.debug('worker error', { queue, error }));
    this.#workers.set(queue, worker);
    this.log.info('draining queue', { queue });
  }

  /** Drains a queue no longer; what was taken goes on. Not even a call that already waits for an envelope gets one. */
  release(queue: string): void {
    const worker = this.#workers.get(queue);
    if (worker === undefined) return;
    this.#workers.delete(queue);
    // Without waiting for what was taken: its envelope may come to somebody else, who finds its deliveries void.
    worker.close(true).catch((error: unknown) => this.log.debug('worker not closed', { queue, error }));
    this.log.info('no longer draining queue', { queue });
  }

  /** Takes nothing more; what was taken goes on. */
  async stopTaking(): Promise<void> {
    await Promise.allSettled([...this.#workers.values()].map((worker) => worker.pause(true)));
  }

  /** Ends all connections without waiting: what was taken and is not finished is healed by Postgres. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#workers.values()].map((worker) => worker.close(true)));
    this.#redis.disconnect();
  }
}
