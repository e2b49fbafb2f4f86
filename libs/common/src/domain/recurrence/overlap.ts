/** Overlap: what happens at a due time while a job of the same schedule has not finished. */

/**
 * `allow` starts another one beside it. `skip` leaves the due time out. `queue-one` lets one due time wait until it has
 * finished, and leaves out those that come meanwhile. `cancel-running` cancels it and starts the new one.
 */
export const OVERLAP_POLICIES = ['allow', 'skip', 'queue-one', 'cancel-running'] as const;
export type OverlapPolicy = (typeof OVERLAP_POLICIES)[number];

export type OverlapDecision = 'fire' | 'skip' | 'wait' | 'cancel-and-fire';

/**
 * @param unfinished whether a job of the schedule has not finished
 * @param waiting whether a due time waits already
 */
export function decideOverlap(policy: OverlapPolicy, unfinished: boolean, waiting: boolean): OverlapDecision {
  switch (policy) {
    case 'allow':
      return 'fire';
    case 'skip':
      return unfinished ? 'skip' : 'fire';
    case 'queue-one':
      if (waiting) return 'skip';
      return unfinished ? 'wait' : 'fire';
    case 'cancel-running':
      return unfinished ? 'cancel-and-fire' : 'fire';
    default:
      throw new Error(`unknown overlap policy ${String(policy satisfies never)}`);
  }
}
