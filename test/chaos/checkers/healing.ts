/** Checker 6: after each fault the system was itself again within the bound that is promised. */
import type { Evidence, Violation } from './evidence.js';

export function healsInTime({ faults, slackMs }: Evidence): Violation[] {
  return faults.flatMap(({ name, healMs, boundMs, fromMs }): Violation[] => {
    if (healMs !== undefined && healMs <= boundMs + slackMs) return [];
    const took = healMs === undefined ? 'did not heal' : `healed in ${Math.round(healMs)} ms`;
    return [{ what: `${name} ${took}, promised are ${boundMs} ms`, atMs: fromMs }];
  });
}
