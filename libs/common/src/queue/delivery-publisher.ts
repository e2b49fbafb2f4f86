/** The feeder's side of BullMQ: publishes envelopes (T2) and tells what is still waiting there (T3). */
import { EventEmitter } from 'node:events';
import type { OnApplicationShutdown } from '@nestjs/common';
import { Queue, type JobsOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import type { RedisEnvironment } from '#common/config/environment.js';
import type { Logger } from '#common/logging/logger.js';
import { decodeEnvelope, encodeEnvelope, envelopeId, type Envelope, type EnvelopeData } from './envelope.js';
import { connectPublisher, faultFinder } from './redis-connection.js';

/** An envelope leaves no trace in Redis: what became of its jobs is in Postgres. */
const ENVELOPE_OPTIONS: JobsOptions = { removeOnComplete: true, removeOnFail: true, attempts: 1 };
/** BullMQ writes every change to a stream of events, which we do not read. */
const EVENTS_KEPT = 100;

/** Emits `connected` when Redis can be reached (again): it may have forgotten what it was told. */
export class DeliveryPublisher extends EventEmitter<{ connected: [] }> implements OnApplicationShutdown {
  readonly #redis: Redis;
  /** For readiness: tells what is wrong, or undefined. */
  readonly check: () => Promise<string | undefined>;
  readonly #queues = new Map<string, Queue<EnvelopeData>>();

  constructor(
    private readonly environment: RedisEnvironment,
    private readonly log: Logger,
  ) {
    super();
    this.#redis = connectPublisher(environment, log);
    this.check = faultFinder(this.#redis, environment);
    this.#redis.on('ready', () => this.emit('connected'));
  }

  get connected(): boolean {
    return this.#redis.status === 'ready';
  }

  /**
   * Publishes envelopes in the order given. Publishing the same deliveries again while they wait changes nothing.
   * @throws when Redis is away; some of the envelopes may have been published
   */
  async publish(queue: string, envelopes: readonly Envelope[]): Promise<void> {
    this.#requireConnection();
    await this.#queue(queue).addBulk(
      envelopes.flatMap((envelope) => {
        const [first, ...rest] = envelope.deliveries;
        if (first === undefined) return [];
        const opts = { ...ENVELOPE_OPTIONS, jobId: envelopeId([first, ...rest]) };
        return [{ name: 'envelope', data: encodeEnvelope(envelope), opts }];
      }),
    );
  }

  /** How many envelopes of a queue wait to be taken. */
  async waitingCount(queue: string): Promise<number> {
    this.#requireConnection();
    return this.#queue(queue).getWaitingCount();
  }

  /** The deliveries that wait in a queue, as `<job id>:<delivery>`; ones that an executor has already taken are not among them. */
  async waiting(queue: string): Promise<Set<string>> {
    this.#requireConnection();
    const envelopes = await this.#queue(queue).getJobs(['waiting', 'prioritized', 'delayed']);
    return new Set(
      envelopes
        // A message can vanish between listing and reading it.
        .flatMap((envelope) => decodeEnvelope(envelope?.data).deliveries)
        .map(({ jobId, delivery }) => `${jobId}:${delivery}`),
    );
  }

  /** Whether a shard's mark is there; if not, Redis is new or was emptied. */
  async isMarked(shard: number): Promise<boolean> {
    this.#requireConnection();
    return (await this.#redis.exists(this.#markOf(shard))) === 1;
  }

  /** Leaves a mark in Redis that survives everything but losing the data. */
  async mark(shard: number): Promise<void> {
    this.#requireConnection();
    await this.#redis.set(this.#markOf(shard), '1');
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.allSettled([...this.#queues.values()].map((queue) => queue.close()));
    this.#redis.disconnect();
  }

  /** BullMQ waits for a connection without end, so it is only called when there is one. */
  #requireConnection(): void {
    if (!this.connected) throw new Error('Redis is not connected');
  }

  /** Not a name that a queue's keys could have. */
  #markOf(shard: number): string {
    return `${this.environment.REDIS_PREFIX}:mark-${shard}`;
  }

  #queue(name: string): Queue<EnvelopeData> {
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = new Queue<EnvelopeData>(name, {
        connection: this.#redis,
        prefix: this.environment.REDIS_PREFIX,
        streams: { events: { maxLen: EVENTS_KEPT } },
      });
      queue.on('error', (error) => this.log.debug('queue error', { queue: name, error }));
      this.#queues.set(name, queue);
    }
    return queue;
  }
}
