/**
 * Notes what workers outside ask for, so that a job of theirs can say whether anybody does. A note is written when the one
 * before it is about to run out, not for each request, and no request waits for it.
 */
import { Injectable } from '@nestjs/common';
import type { LeasableJobs } from '#common/database/leasing.repository.js';
import { WorkerPollRepository } from '#common/database/worker-poll.repository.js';
import { InjectLogger } from '#common/logging/inject-logger.js';
import type { Logger } from '#common/logging/logger.js';

/** Whoever has come counts as asking for so long after the answer, while it works or thinks; in milliseconds. */
const LINGER_MS = 30_000;
/** A note that lasts almost as long as this one would is not written again. */
const SLACK_MS = 5000;
/** Notes that are remembered; after so many different ones all are forgotten, and written once more. */
const MAX_REMEMBERED = 10_000;

@Injectable()
export class PollNotes {
  /** Until when each note stands, on the monotonic clock. */
  readonly #until = new Map<string, number>();

  constructor(
    private readonly repository: WorkerPollRepository,
    @InjectLogger() private readonly log: Logger,
  ) {}

  /** @param waitMs how long the request waits for a job */
  note(wanted: LeasableJobs, waitMs: number): void {
    const key = JSON.stringify(wanted);
    const until = performance.now() + waitMs + LINGER_MS;
    if ((this.#until.get(key) ?? 0) >= until - SLACK_MS) return;
    if (this.#until.size >= MAX_REMEMBERED) this.#until.clear();
    this.#until.set(key, until);
    this.repository.note(wanted, waitMs + LINGER_MS).catch((error: unknown) => {
      this.#until.delete(key);
      this.log.debug('a poll of a worker was not noted', { error });
    });
  }
}
