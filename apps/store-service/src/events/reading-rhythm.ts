/**
 * When to read next. While little happens, those who write wake the readers, so that an event is told within milliseconds
 * and an idle system costs nothing. Commits that notify wait for each other, in the whole database: so while much happens
 * the readers ask for no hints and look for themselves.
 */
import { setTimeout as pause } from 'node:timers/promises';

/** Without hints, in milliseconds. */
const LOOK_EVERY_MS = 25;
/** With hints, in case one was lost, in milliseconds. */
const LOOK_AT_LEAST_MS = 500;
/** Hints that come closer together than this are one, in milliseconds. */
const REST_MS = 5;
const PERIOD_MS = 1000;
/** Reads in a period that found something: from so many on it is much, and below so few it is little. */
const MUCH = 20;
const LITTLE = 5;

export class ReadingRhythm {
  #lastReadAt = -Infinity;
  #periodBegan = performance.now();
  #found = 0;

  /** @param setHinting says whether writers are to send hints */
  constructor(private readonly setHinting: (hinting: boolean) => Promise<void>) {}

  /** Resolves when the next read may begin. */
  async rest(): Promise<void> {
    const restMs = this.#lastReadAt + REST_MS - performance.now();
    if (restMs > 0) await pause(restMs);
    this.#lastReadAt = performance.now();
  }

  /** @returns the longest pause until the next read, in milliseconds */
  async pauseAfter(found: number, hinting: boolean): Promise<number> {
    if (found > 0) this.#found += 1;
    let wanted = hinting;
    if (performance.now() - this.#periodBegan >= PERIOD_MS) {
      if (this.#found >= MUCH) wanted = false;
      if (this.#found < LITTLE) wanted = true;
      this.#periodBegan = performance.now();
      this.#found = 0;
    }
    if (wanted !== hinting) await this.setHinting(wanted);
    return wanted ? LOOK_AT_LEAST_MS : LOOK_EVERY_MS;
  }
}
