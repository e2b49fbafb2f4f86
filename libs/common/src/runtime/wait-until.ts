/** Waiting for a moment of the monotonic clock. */
import { setTimeout as pause } from 'node:timers/promises';

/** @param at in milliseconds of `performance.now()`; it never resolves before that: timers may be early by what the event loop is late */
export async function waitUntil(at: number): Promise<void> {
  for (let leftMs = at - performance.now(); leftMs > 0; leftMs = at - performance.now())
    await pause(Math.ceil(leftMs));
}
