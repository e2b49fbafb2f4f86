/**
 * Drains: connects the queues of BullMQ with the job runner, and ends politely. Shared queues it drains itself; in those with
 * the drain policy `leader` it stands for election.
 */
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { HintListener } from '#common/database/notifications.js';
import { QueueRepository } from '#common/database/queue.repository.js';
import type { Logger } from '#common/logging/logger.js';
import { DeliveryConsumer } from '#common/queue/delivery-consumer.js';
import { Alarm } from '#common/runtime/alarm.js';
import { repeat } from '#common/runtime/repeat.js';
import type { ExecutorEnvironment } from './environment.js';
import { Heartbeat } from './heartbeat.js';
import { JobRunner } from './job-runner.js';
import { LedQueues } from './led-queues.js';

/** Queues are looked up this often even when no hint tells of a new one, in milliseconds. */
const QUEUES_EVERY_MS = 1000;

@Injectable()
export class QueueConsumer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #stop = new AbortController();
  /** Rung by the second signal, which may come long before the first has led to the end of all taking. */
  readonly #hurry = new Alarm();

  constructor(
    private readonly environment: ExecutorEnvironment,
    private readonly consumer: DeliveryConsumer,
    private readonly runner: JobRunner,
    private readonly heartbeat: Heartbeat,
    private readonly led: LedQueues,
    private readonly queues: QueueRepository,
    private readonly hints: HintListener,
    private readonly log: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.heartbeat.start();
    let signals = 0;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        signals += 1;
        if (signals > 1) this.#hurry.ring();
      });
    }
    const alarm = new Alarm();
    this.hints.on('queues', () => alarm.ring()).on('listening', () => alarm.ring());
    void repeat({ duty: 'find queues', signal: this.#stop.signal, log: this.log, alarm }, async () => {
      await this.#lookAround();
      return QUEUES_EVERY_MS;
    });
  }

  async #lookAround(): Promise<void> {
    const { EXECUTOR_QUEUES: chosen } = this.environment;
    const policies = new Map((await this.queues.drainPolicies()).map(({ name, drain }) => [name, drain]));
    const wanted = chosen.length > 0 ? chosen : [...policies.keys()];
    const led = new Set(wanted.filter((queue) => policies.get(queue) === 'leader'));
    // Who no longer stands for election may be draining still; it goes on where the queue is shared now.
    for (const queue of this.led.keepOnly(led)) if (!wanted.includes(queue)) this.consumer.release(queue);
    for (const queue of wanted) {
      if (!led.has(queue)) this.consumer.drain(queue);
      else if (this.led.stand(queue)) this.consumer.release(queue);
    }
  }

  /**
   * Takes nothing more, lets what was taken finish within the grace (a second signal ends the grace), and hands the rest
   * back uncounted.
   */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled([this.consumer.stopTaking(), this.heartbeat.startDraining()]);

    const { SHUTDOWN_GRACE_MS, EXECUTOR_KILL_GRACE_MS } = this.environment;
    await Promise.race([this.runner.whenIdle(), this.#hurry.sleep(SHUTDOWN_GRACE_MS)]);
    if (this.runner.runningCount > 0)
      this.log.info('handing back what still runs', { running: this.runner.runningCount });
    // Even when nothing runs: an envelope that was on its way when the taking ended must not start any more.
    this.runner.stopAll('shutdown');
    await Promise.race([this.runner.whenIdle(), new Alarm().sleep(EXECUTOR_KILL_GRACE_MS + HAND_BACK_MS)]);
    await this.consumer.close();
    await this.heartbeat.stop().catch((error: unknown) => this.log.debug('could not deregister', { error }));
  }
}

/** How long recording the hand-backs may take, in milliseconds. */
const HAND_BACK_MS = 2000;
