/** What a measurement says: figures side by side, and the goals that they are held against. */

/** A figure of one contestant: the median of its runs unless it says otherwise. */
export interface Figure {
  readonly who: string;
  /** With its unit, as people read it. */
  readonly text: string;
  /** What survives a crash once this contestant has said "done". */
  readonly durability?: string;
}

/** One goal and what was measured against it. */
export interface Verdict {
  /** What is compared, such as `vs graphile-worker`. */
  readonly of: string;
  readonly measured: number;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** What the three numbers are, such as `×`, `ms` or `%`. */
  readonly unit: string;
}

export interface Result {
  readonly ours: readonly Figure[];
  readonly peers: readonly Figure[];
  readonly verdicts: readonly Verdict[];
  /** Sizes that were used, and whatever a reader has to know. */
  readonly notes: readonly string[];
  /** Every single run, for the JSON file. */
  readonly runs: unknown;
}

export function isMet({ measured, atLeast, atMost }: Verdict): boolean {
  return measured >= (atLeast ?? -Infinity) && measured <= (atMost ?? Infinity);
}

/** `31,204 jobs/s` */
export function perSecond(rate: number, what = 'jobs'): string {
  return `${Math.round(rate).toLocaleString('en')} ${what}/s`;
}

export function milliseconds(ms: number): string {
  return `${ms.toFixed(ms < 100 ? 2 : 0)} ms`;
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`;
}
