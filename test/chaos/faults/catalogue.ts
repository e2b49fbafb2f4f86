/** All faults there are. */
import type { Fault } from './fault.js';
import { LINK_FAULTS } from './link-faults.js';
import { PROCESS_FAULTS } from './process-faults.js';
import { SERVER_FAULTS } from './server-faults.js';
import { STALE_DELIVERIES } from './stale-deliveries.js';

const ALL: readonly Fault[] = [...PROCESS_FAULTS, ...SERVER_FAULTS, STALE_DELIVERIES, ...LINK_FAULTS];

/** Those whose names begin with one of `beginnings`; all when there are none. @throws when one fits nothing */
export function faultsNamed(beginnings: readonly string[]): readonly Fault[] {
  for (const beginning of beginnings) {
    if (!ALL.some(({ name }) => name.startsWith(beginning))) {
      throw new Error(`There is no fault ${beginning}; there are ${ALL.map(({ name }) => name).join(', ')}.`);
    }
  }
  if (beginnings.length === 0) return ALL;
  return ALL.filter(({ name }) => beginnings.some((beginning) => name.startsWith(beginning)));
}
