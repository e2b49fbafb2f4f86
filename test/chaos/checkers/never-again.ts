/** Checker 2: once a job's success is recorded, the ledger shows no further start of it. */
import type { Evidence, Violation } from './evidence.js';

export function neverAgain({ jobs, ledger }: Evidence): Violation[] {
  const successes = new Map(
    jobs.flatMap(({ id, state, finishedMs }) =>
      state === 'succeeded' && finishedMs !== null ? [[id, finishedMs] as const] : [],
    ),
  );
  return ledger.flatMap(({ jobId, attempt, startMs }): Violation[] => {
    const succeededMs = successes.get(jobId);
    if (succeededMs === undefined || startMs <= succeededMs) return [];
    const lateMs = Math.round(startMs - succeededMs);
    return [
      {
        what: `attempt ${attempt} of job ${jobId} started ${lateMs} ms after its recorded success`,
        jobId,
        atMs: startMs,
      },
    ];
  });
}
