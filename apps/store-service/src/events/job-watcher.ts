/**
 * Watches single jobs: each as it is, and then every step that it takes, in order, until it has ended. It hears of steps from
 * the feed of events, once for all who watch at this store. A look at a job comes with its moment, by which the events that
 * it has in it already are told from those that follow.
 */
import { Injectable } from '@nestjs/common';
import { DatabaseUnavailableError } from '#common/database/database-errors.js';
import { EventRepository, type SeenJob } from '#common/database/event.repository.js';
import { wasSeen } from '#common/domain/event-position.js';
import { isEndState, type Job } from '#common/domain/job.js';
import type { JobEvent } from '#common/domain/job-event.js';
import { Alarm } from '#common/runtime/alarm.js';
import { Batcher } from '#common/runtime/batcher.js';
import { EventFeed, type Reader } from './event-feed.js';
import { isNews, isStillAs, jobAfter } from './job-steps.js';

/** The state is told this soon, in milliseconds, even where it takes longer until events are read. */
const FIRST_WITHIN_MS = 250;
/** Between looks while Postgres is away, in milliseconds. */
const LOOK_AGAIN_MS = 500;
/** Only an alarm ends such a wait, in milliseconds. */
const LONG_MS = 3_600_000;
const LOOKED_UP_TOGETHER = 1000;
/** Steps that are kept for a client that does not read. */
const MOST_KEPT = 1000;

/** What has happened to one job, for one who watches it. */
class Ear {
  readonly alarm = new Alarm();
  #events: JobEvent[] = [];
  #isWhole = false;

  constructor(readonly jobId: string) {}

  /** Nothing that it has heard counts any more. @param isWhole whether it will hear everything from now on */
  begin(isWhole: boolean): void {
    this.#events = [];
    this.#isWhole = isWhole;
  }

  hear(event: JobEvent): void {
    if (!this.#isWhole) return;
    if (this.#events.length < MOST_KEPT) this.#events.push(event);
    else this.#isWhole = false;
    this.alarm.ring();
  }

  interrupt(): void {
    this.#isWhole = false;
    this.alarm.ring();
  }

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  /** @returns undefined when something may be missing here, or `signal` aborts */
  async next(signal: AbortSignal): Promise<JobEvent | undefined> {
    while (!signal.aborted) {
      const event = this.#events.shift();
      if (event !== undefined || !this.#isWhole) return event;
      await this.alarm.sleep(LONG_MS, signal);
    }
    return undefined;
  }
}

@Injectable()
export class JobWatcher implements Reader {
  readonly #ears = new Map<string, Set<Ear>>();
  readonly #looks: Batcher<string, SeenJob | undefined>;

  constructor(
    private readonly feed: EventFeed,
    events: EventRepository,
  ) {
    feed.addReader(this);
    this.#looks = new Batcher({ flush: (ids) => events.seeJobs(ids), maxItems: LOOKED_UP_TOGETHER });
  }

  /** Jobs that are watched here now. */
  get watched(): number {
    return this.#ears.size;
  }

  read(events: readonly JobEvent[]): void {
    if (this.#ears.size === 0) return;
    for (const event of events) for (const ear of this.#ears.get(event.jobId) ?? []) ear.hear(event);
  }

  interrupted(): void {
    for (const ears of this.#ears.values()) for (const ear of ears) ear.interrupt();
  }

  /**
   * The job as it is, then as it was after each step. Ends after the end state, when the job is deleted, and when `signal`
   * aborts. While Postgres is away it waits. Steps may be missing, never out of order, from before events were read, and when
   * their recording was interrupted.
   * @throws DatabaseUnavailableError when it cannot even begin
   */
  async *watch(id: string, signal: AbortSignal): AsyncGenerator<Job> {
    const release = this.feed.use();
    const ear = this.#listen(id.toLowerCase());
    let told: Job | undefined;
    try {
      while (!signal.aborted) {
        await this.#untilReading(ear, told === undefined ? FIRST_WITHIN_MS : LONG_MS, signal);
        ear.begin(this.feed.isReading);
        const seen = await (told === undefined ? this.#looks.add(ear.jobId) : this.#look(ear, signal));
        if (seen === undefined) return;
        if (isNews(told, seen.job)) yield seen.job;
        told = seen.job;
        while (!isEndState(told.state)) {
          const event = await ear.next(signal);
          if (event === undefined) break;
          if (wasSeen(seen.moment, event.xid)) continue;
          if (event.change === 'deleted') return;
          const now: Job = await this.#after(told, event, ear, signal);
          if (isNews(told, now)) yield now;
          told = now;
        }
        if (isEndState(told.state)) return;
      }
    } finally {
      this.#leave(ear);
      release();
    }
  }

  #listen(jobId: string): Ear {
    const ear = new Ear(jobId);
    const ears = this.#ears.get(jobId) ?? new Set();
    this.#ears.set(jobId, ears.add(ear));
    return ear;
  }

  #leave(ear: Ear): void {
    const ears = this.#ears.get(ear.jobId);
    ears?.delete(ear);
    if (ears?.size === 0) this.#ears.delete(ear.jobId);
  }

  /** Until events are read, or the time is up. */
  async #untilReading(ear: Ear, atMostMs: number, signal: AbortSignal): Promise<void> {
    const until = performance.now() + atMostMs;
    while (!this.feed.isReading && !signal.aborted && performance.now() < until) {
      void this.feed.refreshed().then(() => ear.alarm.ring());
      await ear.alarm.sleep(until - performance.now(), signal);
    }
  }

  /** Waits while Postgres is away. */
  async #look(ear: Ear, signal: AbortSignal): Promise<SeenJob | undefined> {
    while (!signal.aborted) {
      try {
        return await this.#looks.add(ear.jobId);
      } catch (error) {
        if (!(error instanceof DatabaseUnavailableError)) throw error;
        await ear.alarm.sleep(LOOK_AGAIN_MS, signal);
      }
    }
    return undefined;
  }

  /** After its latest step a job is told as it is, which is more than the event says. */
  async #after(told: Job, event: JobEvent, ear: Ear, signal: AbortSignal): Promise<Job> {
    const seen = ear.isEmpty ? await this.#look(ear, signal) : undefined;
    return seen !== undefined && isStillAs(seen.job, event) ? seen.job : jobAfter(told, event);
  }
}
