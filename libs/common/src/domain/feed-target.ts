/**
 * How much of a queue is kept in BullMQ. The backlog waits in Postgres, where a priority, a pause or a cancel still
 * acts on it; BullMQ holds just enough that no executor runs dry before the feeder comes round again.
 */

/** Work kept ready for each slot, in milliseconds of handler time. */
const HORIZON_MS = 2000;
/** What a type is taken to need while nothing is known of it, in milliseconds. */
const UNKNOWN_MEAN_MS = 100;
/** More than this is never handed over at once, however quick the handlers are. */
export const MAX_HANDED_OVER = 10_000;

/**
 * Jobs of a queue that should be handed over but not yet started.
 * @param slots slots of the living executors that serve the queue; with none nothing is handed over
 * @param meanMs mean duration of its jobs in milliseconds, or undefined while nothing is known
 * @param horizonMs work kept ready for each slot, in milliseconds of handler time
 */
export function feedTarget(slots: number, meanMs: number | undefined, horizonMs = HORIZON_MS): number {
  const perSlot = Math.max(1, Math.ceil(horizonMs / Math.max(meanMs ?? UNKNOWN_MEAN_MS, 0.01)));
  return Math.min(slots * perSlot, MAX_HANDED_OVER);
}
