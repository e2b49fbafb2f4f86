/**
 * Tells the main thread how the lease stands that another thread renews: a process that was paused must not go on with
 * what may have been taken from it meanwhile, not even before it has heard that its lease ran out. Shared memory and the
 * monotonic clock of the whole process, so that nothing depends on the order in which the threads wake up.
 */

const RENEWED_AT = 0;
const PERIOD = 1;
const NS_PER_MS = 1_000_000n;

export class LeaseClock {
  /** When the newest renewal was sent, in nanoseconds; and the number of the period without a gap that it belongs to. */
  readonly #cells: BigInt64Array;
  readonly #validNs: bigint;

  /**
   * @param leaseMs the lease that is renewed, in milliseconds; it is trusted for two thirds of that
   * @param memory of another LeaseClock, to share it between threads
   */
  constructor(
    leaseMs: number,
    readonly memory: SharedArrayBuffer = new SharedArrayBuffer(2 * BigInt64Array.BYTES_PER_ELEMENT),
  ) {
    this.#cells = new BigInt64Array(memory);
    this.#validNs = (BigInt(leaseMs) * NS_PER_MS * 2n) / 3n;
  }

  /** To be called after each renewal that succeeded. @param sentAt when it was sent, of process.hrtime.bigint() */
  renewed(sentAt: bigint): void {
    // A gap begins a new period, and before the renewal shows: whoever sees the one sees the other.
    if (this.#hasGap(sentAt)) Atomics.add(this.#cells, PERIOD, 1n);
    Atomics.store(this.#cells, RENEWED_AT, sentAt);
  }

  /**
   * The number of the present period of uninterrupted lease, or undefined when the lease cannot be trusted now. What was
   * taken in one period must not be begun in another.
   */
  period(now: bigint = process.hrtime.bigint()): bigint | undefined {
    const period = Atomics.load(this.#cells, PERIOD);
    return this.#hasGap(now) ? undefined : period;
  }

  #hasGap(now: bigint): boolean {
    return now - Atomics.load(this.#cells, RENEWED_AT) >= this.#validNs;
  }
}
