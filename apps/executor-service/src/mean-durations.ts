/** A moving mean of how long each job type takes here. The feeder sizes envelopes and queues by it. */

/** Weight of the newest duration. */
const NEWEST = 0.05;

/** Below this it is of no use to know better, in milliseconds. */
const NEGLIGIBLE_MS = 0.05;

export class MeanDurations {
  readonly #means = new Map<string, number>();
  /** The means that the listeners were told of. */
  readonly #told = new Map<string, number>();
  readonly #listeners: (() => void)[] = [];

  /** Calls `listener` when a type has run for the first time, and whenever its mean has doubled or halved since. */
  onShift(listener: () => void): void {
    this.#listeners.push(listener);
  }

  add(type: string, ms: number): void {
    const before = this.#means.get(type);
    const mean = before === undefined ? ms : before + (ms - before) * NEWEST;
    this.#means.set(type, mean);
    const relevant = Math.max(mean, NEGLIGIBLE_MS);
    const told = this.#told.get(type);
    if (told !== undefined && relevant < told * 2 && relevant > told / 2) return;
    this.#told.set(type, relevant);
    for (const listener of this.#listeners) listener();
  }

  /** Milliseconds for each type that has run. */
  snapshot(): Record<string, number> {
    return Object.fromEntries([...this.#means].map(([type, mean]) => [type, Math.round(mean * 1000) / 1000]));
  }
}
