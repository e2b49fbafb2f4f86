/** What every contestant of the drain answers to. */
import type { Commands } from '../stand/contestant.js';

export interface Drained {
  /** From the start of the first job until the end of the last one is recorded. */
  readonly seconds: number;
  /** How often the handler was called. */
  readonly executions: number;
}

export interface DrainPeer extends Commands {
  /** Stores so many no-op jobs. */
  readonly fill: (count: number) => Promise<void>;
  /** Starts the worker and runs them all. */
  readonly drain: (count: number) => Promise<Drained>;
}
