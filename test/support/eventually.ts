/** Waiting in tests: for a condition, never for a time. */
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;

export interface EventuallyOptions {
  /** In milliseconds, default 10,000. */
  readonly within?: number;
}

/**
 * Calls `probe` about every 20 ms until it neither throws nor gives false, and resolves to what it gave.
 * @throws the last error of `probe`, or one that says that it stayed false, when the time is over.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  { within = 10_000 }: EventuallyOptions = {},
): Promise<T> {
  const deadline = performance.now() + within;
  for (;;) {
    let failure: unknown;
    try {
      const result = await probe();
      if (result !== false) return result;
      failure = new Error(`still false after ${within} ms: ${probe.toString()}`);
    } catch (error) {
      failure = error;
    }
    if (performance.now() > deadline) throw failure;
    await delay(POLL_MS);
  }
}
