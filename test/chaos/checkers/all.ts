/** The checkers under the numbers and names by which reports speak of them. */
import { soundAttempts } from './attempts.js';
import { onlyCoveredDuplicates } from './duplicates.js';
import type { Checker, Evidence, Violation } from './evidence.js';
import { soundFencing } from './fencing.js';
import { healsInTime } from './healing.js';
import { neverAgain } from './never-again.js';
import { noHandNeeded } from './no-hand-needed.js';
import { nothingLost } from './nothing-lost.js';

export interface Verdict {
  readonly checker: string;
  readonly violations: readonly Violation[];
}

export const CHECKERS = {
  '1 nothing lost': nothingLost,
  '2 never again after success': neverAgain,
  '3 attempts, deliveries and ends': soundAttempts,
  '4 duplicates only under faults': onlyCoveredDuplicates,
  '5 epochs and fences': soundFencing,
  '6 heals within bounds': healsInTime,
  '7 no hand needed': noHandNeeded,
} as const satisfies Record<string, Checker>;

export function judge(evidence: Evidence): Verdict[] {
  return Object.entries(CHECKERS).map(([checker, check]) => ({ checker, violations: check(evidence) }));
}
