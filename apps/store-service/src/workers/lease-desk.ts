/**
 * Where workers outside come for jobs: gives out leases, at once or as soon as a job is due (long poll). What was leased for
 * a client that has gone meanwhile is given back.
 */
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { LeaseRepository } from '#common/database/lease.repository.js';
import { LeasingRepository, type LeasedJob } from '#common/database/leasing.repository.js';
import { HintListener, Notifier } from '#common/database/notifications.js';
import { decideUnfailed } from '#common/domain/outcome.js';
import { InjectLogger } from '#common/logging/inject-logger.js';
import type { Logger } from '#common/logging/logger.js';
import { Semaphore } from '#common/runtime/semaphore.js';
import { LeaseLine, Waiter } from './lease-line.js';
import { PollNotes } from './poll-notes.js';
import { LEASE_MS, leaseToken, newLeaseSecret } from './lease-token.js';
import type { LeaseRequest } from './lease.schemas.js';

export interface Lease {
  readonly token: string;
  readonly job: LeasedJob;
}

/** Lines that may look for jobs at the same time. */
const LOOKS_AT_ONCE = 2;

@Injectable()
export class LeaseDesk implements OnApplicationBootstrap, BeforeApplicationShutdown {
  /** One for each set of types and queues that somebody waits for. */
  readonly #lines = new Map<string, LeaseLine>();
  readonly #looks = new Semaphore(LOOKS_AT_ONCE);
  #closing = false;

  constructor(
    private readonly leasing: LeasingRepository,
    private readonly repository: LeaseRepository,
    private readonly notifier: Notifier,
    private readonly hints: HintListener,
    private readonly polls: PollNotes,
    @InjectLogger() private readonly log: Logger,
  ) {}

  onApplicationBootstrap(): void {
    const wake = () => {
      for (const line of this.#lines.values()) line.wake();
    };
    // 'queues' and 'room': one may have been resumed, or its limits raised; another job may have ended.
    this.hints.on('work', wake).on('queues', wake).on('room', wake).on('listening', wake);
  }

  /** Whoever waits is answered now: the process ends when the last request has. */
  beforeApplicationShutdown(): void {
    this.#closing = true;
    for (const line of this.#lines.values()) line.endAll();
  }

  /**
   * Leases up to `max` jobs of announced types, the most urgent first; waits for the first one when there is none.
   * @param gone aborted when nobody waits for the answer any more, also when that turns out while it is sent
   * @returns none when the time is up
   * @throws DatabaseUnavailableError
   */
  async take(
    { types, queues, max, wait = 0, lease: leaseMs = LEASE_MS.default, worker }: LeaseRequest,
    gone: AbortSignal,
  ): Promise<Lease[]> {
    const secrets = Array.from({ length: max }, newLeaseSecret);
    const secretOf = new Map(secrets.map(({ secret, executorId }) => [executorId, secret]));
    const jobs = await this.#wait(
      [...new Set(types)].toSorted(),
      queues === undefined ? null : [...new Set(queues)].toSorted(),
      new Waiter(secrets.map(({ executorId }) => ({ executorId, leaseMs, worker }))),
      wait,
      gone,
    );
    if (jobs.length > 0) {
      if (gone.aborted) this.#giveBack(jobs);
      else gone.addEventListener('abort', () => this.#giveBack(jobs), { once: true });
    }
    return jobs.map((job) => ({
      token: leaseToken(secretOf.get(job.executorId ?? '') ?? '', job, leaseMs),
      job,
    }));
  }

  /** For leases of which nobody will be told. Returns at once. */
  giveBack(leases: readonly Lease[]): void {
    if (leases.length > 0) this.#giveBack(leases.map(({ job }) => job));
  }

  async #wait(
    types: readonly string[],
    queues: readonly string[] | null,
    waiter: Waiter,
    waitMs: number,
    gone: AbortSignal,
  ): Promise<readonly LeasedJob[]> {
    if (gone.aborted) return [];
    this.polls.note({ types, queues }, waitMs);
    const line = this.#line(types, queues);
    waiter.timeUp = waitMs === 0 || this.#closing;
    const timer = waiter.timeUp ? undefined : setTimeout(() => line.end(waiter), waitMs);
    const leave = () => line.leave(waiter);
    gone.addEventListener('abort', leave, { once: true });
    line.join(waiter);
    try {
      return await waiter.answer;
    } finally {
      clearTimeout(timer);
      gone.removeEventListener('abort', leave);
    }
  }

  #line(types: readonly string[], queues: readonly string[] | null): LeaseLine {
    const key = JSON.stringify([types, queues]);
    const known = this.#lines.get(key);
    if (known !== undefined) return known;
    const line = new LeaseLine(
      { types, queues },
      this.leasing,
      this.#looks,
      (jobs) => this.#giveBack(jobs),
      () => this.#lines.delete(key),
    );
    this.#lines.set(key, line);
    return line;
  }

  /** As if they had not been started. What cannot be given back now is lost to its worker when the lease ends. */
  #giveBack(jobs: readonly LeasedJob[]): void {
    this.repository
      .finish(
        jobs.map(({ id, delivery, attempt, executorId }) => ({
          jobId: id,
          delivery,
          attempt,
          executorId: executorId ?? '',
          decision: decideUnfailed({ kind: 'interrupted' }),
          output: [],
        })),
      )
      .then(
        () => this.notifier.send('work'),
        (error: unknown) => this.log.warn('leases whose client has gone not given back', { error }),
      );
  }
}
