/** How many of each service `make start` runs. */
import type { Settings } from './env-file.js';
import { PlainError } from './screen.js';
import type { ServiceKind } from './services.js';

export type ServiceCounts = Readonly<Record<ServiceKind, number>>;

const MOST = 50;

/** SERVER_COUNT and WORKER_COUNT are what these counts are called elsewhere. */
const NAMES: Readonly<Record<ServiceKind, { readonly settings: readonly string[]; readonly usual: number }>> =
  {
    store: { settings: ['STORE_COUNT', 'SERVER_COUNT'], usual: 1 },
    scheduler: { settings: ['SCHEDULER_COUNT'], usual: 2 },
    executor: { settings: ['EXECUTOR_COUNT', 'WORKER_COUNT'], usual: 2 },
  };

/** @throws PlainError that names the setting that is no whole number from 1 to 50. */
export function serviceCounts(settings: Settings): ServiceCounts {
  const count = (kind: ServiceKind): number => {
    const { settings: names, usual } = NAMES[kind];
    const name = names.find((candidate) => settings[candidate] !== undefined);
    if (name === undefined) return usual;
    const value = settings[name] ?? '';
    if (!/^\d+$/.test(value) || Number(value) < 1 || Number(value) > MOST) {
      throw new PlainError(`${name}=${value} is wrong: it must be a whole number from 1 to ${MOST}.`);
    }
    return Number(value);
  };
  return { store: count('store'), scheduler: count('scheduler'), executor: count('executor') };
}
