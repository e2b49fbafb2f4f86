/**
 * One client that listens. It is served from what the feed reads for all; when it comes back, or does not read as fast as
 * things happen, from the table, at its own pace, until it has caught up with the feed.
 */
import type { EventRepository } from '#common/database/event.repository.js';
import {
  earliestMissing,
  eventId,
  positionAt,
  windowId,
  type EventPosition,
} from '#common/domain/event-position.js';
import { isWanted, type EventFilter } from '#common/domain/job-event.js';
import type { Semaphore } from '#common/runtime/semaphore.js';
import { eventText, type EventStream } from '../http/event-stream.js';
import { PAGE, type EventFeed } from './event-feed.js';
import { jobEventText } from './job-event-text.js';

export type GapReason = 'too-old' | 'not-recorded';

const REASONS: Readonly<Record<GapReason, string>> = {
  'too-old': 'Events are kept for 15 minutes, and some of those after your Last-Event-ID have been deleted.',
  'not-recorded':
    'Nobody had listened for some minutes, or the database was restarted, and so not all events were recorded.',
};
const ADVICE =
  'List the jobs (GET /api/v1/jobs) to learn how they are now; from here on you hear of everything again.';

export class EventListener {
  #position: EventPosition | undefined;

  constructor(
    private readonly stream: EventStream,
    private readonly filter: EventFilter,
    private readonly feed: EventFeed,
    private readonly events: EventRepository,
    /** Listeners that read from the table at once. */
    private readonly turns: Semaphore,
  ) {
    stream.currentId = () => (this.#position === undefined ? undefined : eventId(this.#position));
  }

  /**
   * Serves the client until it leaves.
   * @param from the last event that it has
   * @param greeting what it is told first, read when nothing that follows can be missed
   */
  async serve(from: EventPosition | undefined, greeting: () => Promise<object>): Promise<void> {
    await this.feed.refreshed();
    const now = await this.#boundary();
    let position = from ?? now;
    this.stream.send(
      eventText('listening', { resumed: from !== undefined, ...(await greeting()) }, eventId(position)),
    );
    while (!this.stream.signal.aborted) {
      const caughtUp = await this.#catchUp(position);
      if (typeof caughtUp === 'string') {
        position = await this.#tellOfGap(caughtUp);
        continue;
      }
      position = await this.#listen(caughtUp);
      await this.stream.drained();
    }
  }

  /** Delivers from the table what lies between the position and the feed's. @returns the latter, or why that cannot be done */
  async #catchUp(from: EventPosition): Promise<EventPosition | GapReason> {
    let position = from;
    for (;;) {
      if (this.stream.signal.aborted) return position;
      if (position.from !== position.to || position.seq > 0) {
        const rest = await this.#deliverRest(position);
        if (typeof rest === 'string') return rest;
        position = rest;
      }
      const now = await this.#boundary();
      if (now.generation !== position.generation) return 'not-recorded';
      if (now.to === position.to) return position;
      position = { ...position, from: position.to, to: now.to, seq: 0 };
    }
  }

  /** Delivers the rest of the window that a position lies in, as fast as the client reads. */
  async #deliverRest(begin: EventPosition): Promise<EventPosition | GapReason> {
    const { generation, from, to } = begin;
    const idPrefix = windowId(begin);
    for (let { seq } = begin; !this.stream.signal.aborted;) {
      const release = await this.turns.acquire();
      const page = await this.events.readWindow({ from, to, seq }, PAGE).finally(release);
      if (page.generation !== generation) return 'not-recorded';
      if (page.prunedBelow > earliestMissing(from)) return 'too-old';
      const wanted = page.events.filter((event) => isWanted(this.filter, event));
      if (wanted.length > 0) this.stream.send(wanted.map((event) => jobEventText(event, idPrefix)).join(''));
      seq = page.events.at(-1)?.seq ?? seq;
      this.#position = { generation, from, to, seq };
      if (page.events.length < PAGE) break;
      await this.stream.drained();
    }
    return positionAt(generation, to);
  }

  /** Is served by the feed, until the client leaves or must be served from the table. @returns how far it got */
  async #listen(at: EventPosition): Promise<EventPosition> {
    this.#position = at;
    const { signal } = this.stream;
    await new Promise<void>((resolve) => {
      // Between looking at the feed's position and this moment it may have moved on.
      if (signal.aborted || this.feed.position?.to !== at.to) {
        resolve();
        return;
      }
      const end = () => {
        leave();
        signal.removeEventListener('abort', end);
        resolve();
      };
      const leave = this.feed.join({
        filter: this.filter,
        deliver: (text, position) => {
          if (text !== undefined) this.stream.send(text);
          this.#position = position;
          if (this.stream.isFull) end();
        },
        fallBack: end,
      });
      signal.addEventListener('abort', end, { once: true });
    });
    return this.#position;
  }

  async #tellOfGap(reason: GapReason): Promise<EventPosition> {
    const now = await this.#boundary();
    this.#position = now;
    this.stream.send(eventText('gap', { reason, detail: `${REASONS[reason]} ${ADVICE}` }, eventId(now)));
    return now;
  }

  /** The feed's position between two windows, where a listener can join. */
  async #boundary(): Promise<EventPosition> {
    for (;;) {
      const { position } = this.feed;
      if (position !== undefined) return position;
      await this.feed.refreshed();
    }
  }
}
