/** One drain of the trio: from the instant at which stored jobs become due until the last one has succeeded. */
import { setTimeout as pause } from 'node:timers/promises';
import { endsOf, isDrained, loadGun } from '../stand/jobs.js';
import type { Trio } from '../stand/trio.js';

const WITHIN_MS = 180_000;
/** Often enough for a time-out, and seldom enough not to be felt. */
const LOOK_EVERY_MS = 100;

/** @returns jobs per second. @throws unless every job succeeded, in one attempt */
export async function drainOnce(
  trio: Trio,
  count: number,
  { type = 'noop', payload = {} }: { readonly type?: string; readonly payload?: object } = {},
): Promise<number> {
  const dueMs = await loadGun(trio, count, type, payload);
  await untilDrained(trio, dueMs);
  const ends = await endsOf(trio, dueMs);
  if (ends.succeeded !== count || ends.attempts !== count)
    throw new Error(`of ${count} jobs ${ends.succeeded} succeeded, in ${ends.attempts} attempts`);
  return count / ((ends.lastMs - dueMs) / 1000);
}

/** Resolves when nothing that was due at an instant waits or runs any more. */
export async function untilDrained(trio: Trio, dueMs: number, withinMs = WITHIN_MS): Promise<void> {
  await pause(Math.max(0, dueMs - Date.now()) + LOOK_EVERY_MS);
  for (const deadline = Date.now() + withinMs; !(await isDrained(trio)); await pause(LOOK_EVERY_MS)) {
    if (Date.now() > deadline) throw new Error(`not drained within ${withinMs} ms`);
  }
}
