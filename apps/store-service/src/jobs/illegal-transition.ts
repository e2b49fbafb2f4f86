/** The answer to what a job's state does not allow: it names the states that can follow. */
import { NEXT_STATES, type JobState } from '#common/domain/job.js';
import { Problem } from '../http/problem.js';

/** @param what a sentence on why it cannot be done */
export function illegalTransition(state: JobState, what: string): Problem {
  const next: readonly JobState[] = NEXT_STATES[state];
  const legal = next.length === 0 ? 'nothing can follow' : `only ${next.join(', ')} can follow`;
  return new Problem('conflict', `${what} It is ${state}; ${legal}.`, [
    { field: 'state', message: `is ${state}; ${legal}`, allowed: next },
  ]);
}
