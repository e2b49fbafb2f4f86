/** Checker 4: a job runs more than once only where a fault that may do that, and the lease after it, account for it. */
import type { Evidence, FaultRecord, LedgerRun, Violation } from './evidence.js';
import { groupBy } from './group-by.js';

/** A run of a job that already had one which had not failed by design. */
export interface Duplicate {
  readonly jobId: string;
  readonly attempt: number;
  readonly atMs: number;
  /** The fault that accounts for it; where there is none, the nearest of those that were on and may not repeat a job. */
  readonly fault: FaultRecord | undefined;
}

/** How long after a lease has run out its jobs may still be on their way to the next executor, in milliseconds. */
const RECLAIM_MS = 5000;

export function findDuplicates({ ledger, faults, leaseMs }: Evidence): Duplicate[] {
  /** Of the faults that may have been the cause, the one that was nearest when the run before began. */
  const cause = (before: LedgerRun, run: LedgerRun): FaultRecord | undefined =>
    faults
      .filter(({ fromMs, toMs }) => fromMs <= run.startMs && toMs + leaseMs + RECLAIM_MS >= before.startMs)
      .sort(
        (a, b) =>
          Number(b.mayRepeat) - Number(a.mayRepeat) ||
          distance(a, before.startMs) - distance(b, before.startMs),
      )[0];
  return [...groupBy(ledger, ({ jobId }) => jobId).values()].flatMap((unsorted) => {
    const runs = unsorted.toSorted((a, b) => a.startMs - b.startMs);
    return runs.flatMap((run, index): Duplicate[] => {
      const before = runs[index - 1];
      if (before === undefined || failedByDesign(before, run)) return [];
      const { jobId, attempt, startMs: atMs } = run;
      return [{ jobId, attempt, atMs, fault: cause(before, run) }];
    });
  });
}

function distance({ fromMs, toMs }: FaultRecord, atMs: number): number {
  return Math.max(fromMs - atMs, atMs - toMs, 0);
}

function failedByDesign(run: LedgerRun, next: LedgerRun): boolean {
  return run.end !== undefined && run.end.exit !== 0 && run.end.atMs <= next.startMs;
}

export function onlyCoveredDuplicates(evidence: Evidence): Violation[] {
  return findDuplicates(evidence).flatMap(({ jobId, attempt, atMs, fault }): Violation[] => {
    if (fault?.mayRepeat === true) return [];
    const when = fault === undefined ? 'without any fault' : `under ${fault.name}, which must not do that`;
    return [{ what: `attempt ${attempt} of job ${jobId} ran once more ${when}`, jobId, atMs }];
  });
}
