/**
 * Reads what happens to jobs, once for all who listen to this store, and only while somebody does. It goes from moment to
 * moment (domain/event-position.ts) and hands each window to every listener.
 */
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { EventRepository, type EventPage, type Recording } from '#common/database/event.repository.js';
import { HintListener } from '#common/database/notifications.js';
import { positionAt, windowId, type EventPosition, type Moment } from '#common/domain/event-position.js';
import { isWanted, type EventFilter, type JobEvent } from '#common/domain/job-event.js';
import { InjectLogger } from '#common/logging/inject-logger.js';
import type { Logger } from '#common/logging/logger.js';
import { Alarm } from '#common/runtime/alarm.js';
import { repeat } from '#common/runtime/repeat.js';
import { jobEventText } from './job-event-text.js';
import { ReadingRhythm } from './reading-rhythm.js';

/** Most events in one read. */
export const PAGE = 2000;
/** How often the store says that events are wanted, in milliseconds: long before they would no longer be recorded. */
const WANT_EVERY_MS = 15_000;
/** No statement of ours takes longer than this, in milliseconds. */
const LONGEST_STATEMENT_MS = 40_000;
const UNAWARE_LOOK_MS = 20;
const NOBODY_LISTENS_MS = 3_600_000;

/** Somebody to whom events are handed. None of these may throw. */
export interface Listener {
  readonly filter: EventFilter;
  /** All up to `position` has been handed over; `text` is undefined when nothing of it was wanted. */
  deliver(text: Buffer | undefined, position: EventPosition): void;
  /** The feed was interrupted: what follows the last position is to be had from the table, if anywhere. */
  fallBack(): void;
}

/** Part of the store that is given events as they are, whatever they are about. Neither of these may throw. */
export interface Reader {
  read(events: readonly JobEvent[]): void;
  /** Events may be missing between the last ones and the next. */
  interrupted(): void;
}

@Injectable()
export class EventFeed implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #stop = new AbortController();
  readonly #alarm = new Alarm();
  readonly #rhythm: ReadingRhythm;
  /** Listeners by their filter, so that each event is looked at and put into words once for all of a kind. */
  readonly #groups = new Map<string, Set<Listener>>();
  readonly #readers: Reader[] = [];
  #users = 0;
  #awaitingRound: (() => void)[] = [];
  #generation: number | undefined;
  #wantAgainAt = 0;
  /** Up to which all has been handed over; undefined while nobody listens, and until a recording is complete. */
  #moment: Moment | undefined;
  /** A window has been handed over in part. */
  #amidWindow = false;

  constructor(
    private readonly events: EventRepository,
    private readonly hints: HintListener,
    @InjectLogger() private readonly log: Logger,
  ) {
    this.#rhythm = new ReadingRhythm((hinting) => events.setHinting(hinting));
  }

  onApplicationBootstrap(): void {
    this.hints.on('events', () => this.#alarm.ring()).on('listening', () => this.#alarm.ring());
    const { log } = this;
    void repeat({ duty: 'read events', signal: this.#stop.signal, log, alarm: this.#alarm }, () =>
      this.#round(),
    );
  }

  onApplicationShutdown(): void {
    this.#stop.abort();
  }

  /** Has events read until what it returns is called. */
  use(): () => void {
    this.#users += 1;
    this.#alarm.ring();
    return () => {
      this.#users -= 1;
    };
  }

  /** Resolves when something has been read that was asked for after this call: the position is then a current one. */
  async refreshed(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#awaitingRound.push(resolve);
      this.#alarm.ring();
    });
  }

  /** Gives events to `reader` whenever some are read. */
  addReader(reader: Reader): void {
    this.#readers.push(reader);
  }

  /** Whether everything that happens from now on will be handed over, unless readers are told otherwise. */
  get isReading(): boolean {
    return this.#moment !== undefined;
  }

  /** Where a listener that joins now begins; undefined amid a window, when none can join. */
  get position(): EventPosition | undefined {
    if (this.#moment === undefined || this.#generation === undefined || this.#amidWindow) return undefined;
    return positionAt(this.#generation, this.#moment);
  }

  /** Hands over everything after `position` until what it returns is called. */
  join(listener: Listener): () => void {
    const key = JSON.stringify(listener.filter);
    const group = this.#groups.get(key) ?? new Set();
    this.#groups.set(key, group.add(listener));
    return () => {
      group.delete(listener);
      if (group.size === 0 && this.#groups.get(key) === group) this.#groups.delete(key);
    };
  }

  async #round(): Promise<number> {
    if (this.#users === 0) {
      this.#moment = undefined;
      return NOBODY_LISTENS_MS;
    }
    await this.#rhythm.rest();
    const awaiting = this.#awaitingRound;
    this.#awaitingRound = [];
    try {
      if (performance.now() >= this.#wantAgainAt) await this.#want();
      const page = await this.events.readSince(this.#moment, PAGE);
      if (!this.#isWhole(page)) {
        this.#awaitingRound.push(...awaiting.splice(0));
        return 0;
      }
      if (this.#moment !== undefined) await this.#handOver(this.#moment, page);
      this.#moment = page.moment;
      return await this.#rhythm.pauseAfter(page.events.length, page.hinting);
    } catch (error) {
      this.#awaitingRound.push(...awaiting.splice(0));
      throw error;
    } finally {
      for (const resolve of awaiting) resolve();
    }
  }

  /** Hands a window over, page by page. */
  async #handOver(from: Moment, first: EventPage): Promise<void> {
    const generation = first.generation ?? 0;
    const to = first.moment;
    this.#amidWindow = true;
    try {
      for (let { events } = first; ;) {
        const seq = events.at(-1)?.seq ?? 0;
        const isLast = events.length < PAGE;
        this.#publish(events, isLast ? positionAt(generation, to) : { generation, from, to, seq }, {
          generation,
          from,
          to,
        });
        if (isLast) return;
        const next = await this.events.readWindow({ from, to, seq }, PAGE);
        if (!this.#isWhole(next)) return;
        ({ events } = next);
      }
    } catch (error) {
      this.#interrupt();
      throw error;
    } finally {
      this.#amidWindow = false;
    }
  }

  #publish(events: readonly JobEvent[], position: EventPosition, window: Omit<EventPosition, 'seq'>): void {
    if (events.length > 0) for (const reader of this.#readers) reader.read(events);
    const idPrefix = windowId(window);
    const texts: string[] = [];
    for (const group of this.#groups.values()) {
      const [first] = group;
      if (first === undefined) continue;
      let wanted = '';
      for (const [index, event] of events.entries()) {
        if (isWanted(first.filter, event)) wanted += texts[index] ??= jobEventText(event, idPrefix);
      }
      const text = wanted === '' ? undefined : Buffer.from(wanted);
      // A listener may leave while it is given something.
      for (const listener of [...group]) listener.deliver(text, position);
    }
  }

  /** Whether nothing is missing in the recording that a page comes from. If not, another recording begins. */
  #isWhole(page: EventPage): boolean {
    if (page.generation !== undefined && page.generation === this.#generation) return true;
    this.#wantAgainAt = 0;
    this.#interrupt();
    return false;
  }

  #interrupt(): void {
    this.#moment = undefined;
    for (const reader of this.#readers) reader.interrupted();
    for (const group of this.#groups.values()) for (const listener of [...group]) listener.fallBack();
  }

  /** Says that events are wanted. Where they were not, waits until no statement runs that does not know. */
  async #want(): Promise<void> {
    const recording = await this.events.want();
    if (!recording.complete) await this.#awaitComplete(recording);
    if (this.#generation !== recording.generation) {
      if (this.#moment !== undefined) this.#interrupt();
      this.#generation = recording.generation;
    }
    this.#wantAgainAt = performance.now() + WANT_EVERY_MS;
  }

  async #awaitComplete(recording: Recording): Promise<void> {
    const giveUpAt = performance.now() + LONGEST_STATEMENT_MS;
    while (!(await this.events.complete(recording))) {
      if (performance.now() > giveUpAt) return this.events.declareComplete(recording);
      if (this.#stop.signal.aborted) return;
      await new Alarm().sleep(UNAWARE_LOOK_MS, this.#stop.signal);
    }
  }
}
