/** One drain of the trio: from the instant at which stored jobs become due until the last one has succeeded. */
import { setTimeout as pause } from 'node:timers/promises';
import { endsOf, isDrained, loadGun, type GunOptions } from '../stand/jobs.js';
import type { Session } from '../stand/session.js';

const WITHIN_MS = 180_000;
/** Often enough for a time-out, and seldom enough not to be felt. */
const LOOK_EVERY_MS = 100;

/** @returns jobs per second. @throws unless every job succeeded, in one attempt */
export async function drainOnce(db: Session, count: number, options: GunOptions = {}): Promise<number> {
  return rateOf(db, count, await loadGun(db, count, options));
}

/** The same for jobs that are stored already, and become due at an instant. */
export async function rateOf(db: Session, count: number, dueMs: number): Promise<number> {
  await pause(Math.max(0, dueMs - Date.now()) + LOOK_EVERY_MS);
  await untilDrained(db, WITHIN_MS);
  const ends = await endsOf(db, dueMs);
  if (ends.succeeded !== count || ends.attempts !== count)
    throw new Error(`of ${count} jobs ${ends.succeeded} succeeded, in ${ends.attempts} attempts`);
  return count / ((ends.lastMs - dueMs) / 1000);
}

/** Resolves when nothing that is due waits or runs any more. */
export async function untilDrained(db: Session, withinMs: number): Promise<void> {
  for (const deadline = Date.now() + withinMs; !(await isDrained(db)); await pause(LOOK_EVERY_MS)) {
    if (Date.now() > deadline) throw new Error(`not drained within ${withinMs} ms`);
  }
}
