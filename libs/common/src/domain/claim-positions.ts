/**
 * How far the feeder has come in each queue and priority. Claims leave dead entries at the head of their index, which every
 * later claim would have to step over again; so it goes on where it was, and looks back to the beginning now and then, for
 * what has come in behind it: a job that was submitted with a due time in the past, or that was locked just then.
 */
import { PRIORITY } from './job.js';

export interface ClaimPosition {
  /** Due time of the last job that was claimed, in milliseconds since 1970; -Infinity before the first. */
  readonly atMs: number;
  readonly id: string;
}

const BEGINNING: ClaimPosition = { atMs: -Infinity, id: '00000000-0000-0000-0000-000000000000' };

/** One for each priority, most urgent first. */
export const NOTHING_CLAIMED: readonly ClaimPosition[] = Array.from(
  { length: PRIORITY.least - PRIORITY.most + 1 },
  () => BEGINNING,
);

/** Looking back may take this share of the time. */
const LOOK_BACK_SHARE = 0.02;
/** Between two looks back lies at least this long, in milliseconds. */
const MIN_LOOK_BACK_MS = 20;
/** One that took long for once, because a server did not answer, must not put off the next for minutes; in milliseconds. */
const MAX_LOOK_BACK_MS = 5000;

export class ClaimPositions {
  #byQueue = new Map<string, ClaimPosition[]>();
  #lookBackAt = -Infinity;

  /** Milliseconds until the next look back; not positive when it is time. @param now in milliseconds of a steady clock */
  lookBackInMs(now: number): number {
    return this.#lookBackAt - now;
  }

  /** To be called when a look back begins. */
  forget(): void {
    this.#byQueue = new Map();
    this.#lookBackAt = -Infinity;
  }

  /** To be called after a look back. @param tookMs how long it took: the longer, the rarer it is */
  lookedBack(now: number, tookMs: number): void {
    const pauseMs = Math.max(MIN_LOOK_BACK_MS, tookMs / LOOK_BACK_SHARE);
    this.#lookBackAt = now + Math.min(pauseMs, MAX_LOOK_BACK_MS);
  }

  of(queue: string): readonly ClaimPosition[] {
    return this.#byQueue.get(queue) ?? NOTHING_CLAIMED;
  }

  /** @param claimed in the order in which they were claimed */
  advance(claimed: readonly { id: string; queue: string; priority: number; runAtMs: number }[]): void {
    for (const { id, queue, priority, runAtMs } of claimed) {
      let positions = this.#byQueue.get(queue);
      if (positions === undefined) {
        positions = [...NOTHING_CLAIMED];
        this.#byQueue.set(queue, positions);
      }
      positions[priority - PRIORITY.most] = { atMs: Math.round(runAtMs), id };
    }
  }
}
