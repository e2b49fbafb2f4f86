/** A moving mean of how long each job type takes here. The feeder sizes envelopes and queues by it. */

/** Weight of the newest duration. */
const NEWEST = 0.05;

export class MeanDurations {
  readonly #means = new Map<string, number>();

  add(type: string, ms: number): void {
    const mean = this.#means.get(type);
    this.#means.set(type, mean === undefined ? ms : mean + (ms - mean) * NEWEST);
  }

  /** Milliseconds for each type that has run. */
  snapshot(): Record<string, number> {
    return Object.fromEntries([...this.#means].map(([type, mean]) => [type, Math.round(mean * 1000) / 1000]));
  }
}
