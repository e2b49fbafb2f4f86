/**
 * Sends what running attempts write to those who follow them, while they write it. Whom somebody follows the stores say,
 * to all executors and again every two seconds for as long as somebody does: so nothing need be known when an executor or
 * its connection is new. For an attempt that nobody follows it does nothing at all.
 */
import type { LiveOutputRepository } from '#common/database/live-output.repository.js';
import type { StartedJob } from '#common/domain/job.js';
import type { Logger } from '#common/logging/logger.js';
import { Alarm } from '#common/runtime/alarm.js';
import { Semaphore } from '#common/runtime/semaphore.js';
import type { OutputCapture } from './handlers/output-capture.js';
import { LiveRun } from './live-run.js';

/** How long a job is taken for followed after the last that was heard of it, in milliseconds. */
const FOLLOWED_MS = 6000;
/** What is written within this time goes together, in milliseconds. */
const GATHER_MS = 40;
/** Pause before what could not be sent is sent again, in milliseconds. */
const RETRY_MS = 250;
/** How often an attempt's end waits for output that cannot be sent. It is kept with the job all the same. */
const LAST_TRIES = 3;

/** As much of an attempt as matters here. */
export interface Writer {
  readonly job: Pick<StartedJob, 'id' | 'delivery'>;
  readonly output: OutputCapture;
}

export class LiveOutput {
  /** Until when jobs are followed, whether they run here or not: one that starts is followed from its first byte on. */
  readonly #followedUntil = new Map<string, number>();
  readonly #runs = new Map<string, LiveRun>();
  readonly #turn = new Semaphore(1);
  #sending = false;

  /** @param keptBytes how much of what a run wrote is held ready for those who come later */
  constructor(
    private readonly repository: LiveOutputRepository,
    private readonly keptBytes: number,
    private readonly log: Logger,
  ) {}

  /** Somebody follows this job. @param writer its attempt, if it runs here */
  follow(jobId: string, writer: Writer | undefined): void {
    const now = performance.now();
    for (const [id, until] of this.#followedUntil) if (until < now) this.#forget(id);
    this.#followedUntil.set(jobId, now + FOLLOWED_MS);
    if (writer !== undefined) this.#begin(writer);
  }

  /** An attempt begins. */
  started(writer: Writer): void {
    if (this.#followedUntil.size > 0 && this.#followedUntil.has(writer.job.id)) this.#begin(writer);
  }

  /** An attempt writes nothing more. @returns when those who follow it have been sent all; undefined when nobody does */
  ended({ job, output }: Writer): Promise<void> | undefined {
    if (this.#runs.size === 0) return undefined;
    const run = this.#runs.get(job.id);
    if (run?.output !== output) return undefined;
    this.#runs.delete(job.id);
    if (!this.#followedUntil.has(job.id)) {
      run.pause();
      return undefined;
    }
    run.end();
    return this.#sendLast(run);
  }

  #begin({ job, output }: Writer): void {
    let run = this.#runs.get(job.id);
    if (run?.output !== output) {
      run = new LiveRun(job.id, job.delivery, output, this.keptBytes, () => void this.#send());
      this.#runs.set(job.id, run);
    }
    run.resume();
  }

  #forget(jobId: string): void {
    this.#followedUntil.delete(jobId);
    this.#runs.get(jobId)?.pause();
  }

  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    for (;;) {
      await new Alarm().sleep(GATHER_MS);
      const runs = [...this.#runs.values()].filter((run) => run.hasMore);
      if (runs.length === 0) break;
      if (!(await this.#write(runs))) await new Alarm().sleep(RETRY_MS);
    }
    this.#sending = false;
  }

  async #sendLast(run: LiveRun): Promise<void> {
    for (let tries = 0; tries < LAST_TRIES && run.hasMore;) {
      if (await this.#write([run])) continue;
      tries += 1;
      await new Alarm().sleep(RETRY_MS);
    }
  }

  /** @returns whether it was sent */
  async #write(runs: readonly LiveRun[]): Promise<boolean> {
    const release = await this.#turn.acquire();
    try {
      const pieces = runs.flatMap((run) => run.take());
      if (pieces.length > 0) await this.repository.write(pieces);
      for (const run of runs) {
        const trimBefore = run.sent();
        if (trimBefore !== undefined) await this.repository.trim(run, trimBefore);
      }
      return true;
    } catch (error) {
      this.log.debug('live output not sent, will try again', { error });
      return false;
    } finally {
      release();
    }
  }
}
