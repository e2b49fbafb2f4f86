/** A key that may be used, as a store keeps it in memory: what it allows, and how it is being used here. */
import type { UsableKey } from '#common/database/api-key.repository.js';
import { TokenBucket, type Quota, type Rate } from '#common/domain/rate.js';
import { Grant } from './caller.js';

/** A use is written down when the one before was written down this long ago, in milliseconds. */
const NOTE_EVERY_MS = 60_000;

export class KnownKey {
  readonly grant: Grant;
  readonly rate: Rate | null;
  readonly #expiresAtMs: number;
  #bucket: TokenBucket | undefined;
  #usedAtMs = 0;
  #notedAtMs = 0;

  /** @param before the same key as it was known until now: its use goes on */
  constructor(key: UsableKey, before: KnownKey | undefined) {
    this.grant = new Grant(key);
    this.rate = key.rate;
    this.#expiresAtMs = key.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
    if (before !== undefined) {
      this.#bucket = before.#bucket;
      this.#usedAtMs = before.#usedAtMs;
      this.#notedAtMs = before.#notedAtMs;
    }
  }

  /** @param nowMs since 1970 */
  hasExpired(nowMs: number): boolean {
    return this.#expiresAtMs <= nowMs;
  }

  /** Counts a request. @returns what its rate leaves, where it has one */
  use(nowMs: number): Quota | undefined {
    this.#usedAtMs = nowMs;
    if (this.rate === null) return undefined;
    // A clock that is set back must not hold anybody up.
    const clock = performance.now();
    return (this.#bucket ??= new TokenBucket(this.rate, clock)).take(clock);
  }

  /** Whether it was used, and that is to be written down. */
  get needsNote(): boolean {
    return this.#usedAtMs - this.#notedAtMs > NOTE_EVERY_MS;
  }

  noted(): void {
    this.#notedAtMs = this.#usedAtMs;
  }
}
