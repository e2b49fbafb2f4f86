/**
 * Checker 6: after each fault the system was itself again within the bound that is promised, and had worked off what had
 * piled up in no more time than that and the fault together.
 */
import type { Evidence, Violation } from './evidence.js';

export function healsInTime({ faults, slackMs }: Evidence): Violation[] {
  return faults.flatMap(({ name, healMs, caughtUpMs, boundMs, fromMs, toMs }): Violation[] => {
    const found: Violation[] = [];
    const judge = (did: string, tookMs: number | undefined, allowedMs: number) => {
      if (tookMs !== undefined && tookMs <= allowedMs + slackMs) return;
      const took = tookMs === undefined ? 'not at all' : `in ${Math.round(tookMs)} ms`;
      found.push({ what: `${name}: ${did} ${took}, promised are ${allowedMs} ms`, atMs: fromMs });
    };
    judge('healed', healMs, boundMs);
    judge('caught up', caughtUpMs, boundMs + toMs - fromMs);
    return found;
  });
}
