/** What every row of the benchmark is: a name, a goal, and a function that measures. */
import type { Result } from '../report/result.js';
import type { Servers } from '../stand/servers.js';

export interface Context {
  readonly servers: Servers;
  /** How often each contestant has its turn; figures are medians of that. */
  readonly runs: number;
  /** quick: only shows that everything works. usual: fits into ten minutes together. full: what the goals speak of. */
  readonly scale: Scale;
  /** Tells a person what goes on. */
  readonly say: (text: string) => void;
}

export type Scale = 'quick' | 'usual' | 'full';

export interface Measurement {
  readonly name: string;
  readonly goal: string;
  readonly measure: (context: Context) => Promise<Result>;
}
