/**
 * Carries bulk operations out, a batch at a time. Every store has one; a lease decides whose it is, so that an operation goes
 * at the same pace however many stores there are, and on when its store dies.
 */
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { BatchFailedError, BulkRepository, type BatchNews } from '#common/database/bulk.repository.js';
import { DatabaseUnavailableError } from '#common/database/database-errors.js';
import { Notifier } from '#common/database/notifications.js';
import { InjectLogger } from '#common/logging/inject-logger.js';
import type { Logger } from '#common/logging/logger.js';
import { Alarm } from '#common/runtime/alarm.js';
import { newId } from '#common/runtime/new-id.js';
import { repeat } from '#common/runtime/repeat.js';

/** How long after its last batch the operations of a store that has died are taken on by another, in milliseconds. */
const LEASE_MS = 5000;
/** How often a store without work looks for some, in milliseconds. */
const LOOK_MS = 1000;
/** A batch is followed by a pause this many times as long: feeding goes first. */
const PAUSE_FACTOR = 2;
/** And at least this long, in milliseconds. */
const MIN_PAUSE_MS = 5;
/** An operation whose batches fail so often in a row is given up. */
const MAX_FAILURES = 5;

@Injectable()
export class BulkRunner implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #id = newId();
  readonly #stop = new AbortController();
  readonly #alarm = new Alarm();
  readonly #failures = new Map<string, number>();
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly bulk: BulkRepository,
    private readonly notifier: Notifier,
    @InjectLogger() private readonly log: Logger,
  ) {}

  onApplicationBootstrap(): void {
    const options = {
      duty: 'carry out bulk operations',
      signal: this.#stop.signal,
      log: this.log,
      alarm: this.#alarm,
    };
    this.#running = repeat(options, () => this.#round());
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    this.#alarm.ring();
    await this.#running;
    // When that fails the lease runs out by itself.
    await this.bulk.release(this.#id).catch(() => undefined);
  }

  /** There is something to do. */
  wake(): void {
    this.#alarm.ring();
  }

  async #round(): Promise<number> {
    const beganMs = performance.now();
    try {
      const batch = await this.bulk.runBatch(this.#id, LEASE_MS);
      if (batch === 'idle') return LOOK_MS;
      this.#failures.delete(batch.operationId);
      this.#tell(batch.news);
    } catch (error) {
      await this.#count(error);
      throw error;
    }
    return Math.max(MIN_PAUSE_MS, (performance.now() - beganMs) * PAUSE_FACTOR);
  }

  /** A fault that does not pass must not keep the other operations waiting for ever. */
  async #count(error: unknown): Promise<void> {
    if (!(error instanceof BatchFailedError) || error.cause instanceof DatabaseUnavailableError) return;
    const { operationId, cause } = error;
    const failures = (this.#failures.get(operationId) ?? 0) + 1;
    this.#failures.set(operationId, failures);
    if (failures < MAX_FAILURES) return;
    this.#failures.delete(operationId);
    this.log.error('bulk operation given up', { operationId, failures, error: cause });
    await this.bulk.fail(operationId, 'Its batches failed again and again; the log of the store says why.');
  }

  /** Each is a hint: whoever misses it finds out by itself within seconds. */
  #tell({ ending, work, room, workflows }: BatchNews): void {
    for (const id of ending) this.notifier.send('cancel', id);
    if (work) this.notifier.send('work');
    if (room) this.notifier.send('room');
    if (workflows) this.notifier.send('workflows');
  }
}
