/**
 * Writes down who changed what. Requests do not wait for it: entries gather and are written together, a moment later; the
 * last ones are written when the store stops. A store that is killed loses the entries of that moment, and one that cannot
 * reach Postgres keeps the latest ones until it can.
 */
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { AuditRepository, type AuditEntry } from '#common/database/audit.repository.js';
import { InjectLogger } from '#common/logging/inject-logger.js';
import type { Logger } from '#common/logging/logger.js';
import { Alarm } from '#common/runtime/alarm.js';
import { newId } from '#common/runtime/new-id.js';
import { repeat } from '#common/runtime/repeat.js';
import type { Caller } from '../access/caller.js';
import { toProblem } from '../http/problem.filter.js';

/** Entries in one statement. */
const AT_ONCE = 500;
/** Entries that are kept while Postgres is away; then the oldest go. */
const MOST_WAITING = 20_000;
/** Nothing is written without an alarm; this only bounds how long one that was lost matters, in milliseconds. */
const LOOK_EVERY_MS = 1000;

export interface AuditedAction {
  /** Id of the API's operation, such as cancelJob. */
  readonly action: string;
  /** What it was done to. */
  readonly target: string;
  /** `ok`, or the kind of problem that it was refused with. */
  readonly outcome: string;
}

@Injectable()
export class AuditLog implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #stop = new AbortController();
  readonly #alarm = new Alarm();
  #waiting: AuditEntry[] = [];
  #writing: Promise<void> = Promise.resolve();
  #dropped = 0;

  constructor(
    private readonly repository: AuditRepository,
    @InjectLogger() private readonly log: Logger,
  ) {}

  onApplicationBootstrap(): void {
    const { signal } = this.#stop;
    void repeat({ duty: 'write the audit log', signal, log: this.log, alarm: this.#alarm }, async () => {
      await this.#write();
      return LOOK_EVERY_MS;
    });
  }

  async onApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    await this.#write().catch((error: unknown) =>
      this.log.error('audit entries lost', { entries: this.#waiting.length, error }),
    );
  }

  /** Does something, and records how it ended. */
  async recorded<Result>(
    caller: Caller,
    what: Omit<AuditedAction, 'outcome'>,
    run: () => Promise<Result>,
  ): Promise<Result> {
    try {
      const result = await run();
      this.record(caller, { ...what, outcome: 'ok' });
      return result;
    } catch (error) {
      this.record(caller, { ...what, outcome: toProblem(error).kind });
      throw error;
    }
  }

  /** Returns at once. */
  record(caller: Caller, { action, target, outcome }: AuditedAction): void {
    this.#waiting.push({
      id: newId(),
      at: new Date(),
      keyId: caller.keyId,
      who: caller.name,
      address: caller.address,
      action,
      target,
      outcome,
      details: caller.notes,
    });
    if (this.#waiting.length > MOST_WAITING) {
      this.#waiting.shift();
      this.#dropped += 1;
    }
    this.#alarm.ring();
  }

  #write(): Promise<void> {
    // The write of the shutdown waits for one that is under way.
    const written = this.#writing.then(() => this.#writeAll());
    this.#writing = written.catch(() => undefined);
    return written;
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, AT_ONCE);
      await this.repository.append(batch);
      const written = new Set(batch);
      this.#waiting = this.#waiting.filter((entry) => !written.has(entry));
    }
    if (this.#dropped > 0) this.log.error('audit entries lost', { entries: this.#dropped });
    this.#dropped = 0;
  }
}
