/**
 * Checker 3: attempts are contiguous and within the limit, each start is entitled by the newest delivery, and exactly
 * one end is accepted. Every end is among what Postgres recorded, so that a record that misses something judges nothing sound.
 */
import { END_STATES, type Evidence, type FinalJob, type Transition, type Violation } from './evidence.js';
import { groupBy } from './group-by.js';

export function soundAttempts({ jobs, transitions, withdrawn }: Evidence): Violation[] {
  const perJob = groupBy(transitions, ({ jobId }) => jobId);
  return [
    ...jobs.flatMap((job) => [...soundHistory(job), ...soundTransitions(job, perJob.get(job.id) ?? [])]),
    ...withdrawn.flatMap(({ jobId, delivery, atMs }) =>
      (perJob.get(jobId) ?? [])
        .filter((one) => one.to === 'running' && one.delivery === delivery && one.atMs > atMs)
        .map((one) => ({
          what: `job ${jobId} was started while its delivery ${delivery} was in nobody's hands`,
          jobId,
          atMs: one.atMs,
        })),
    ),
  ];
}

/** The attempts that are kept count up from one, and the job itself tells of the last. */
function soundHistory({ id, state, attempt, maxAttempts, history, createdMs }: FinalJob): Violation[] {
  const violation = (what: string): Violation => ({ what: `job ${id}: ${what}`, jobId: id, atMs: createdMs });
  const found: Violation[] = [];
  if (attempt > maxAttempts) found.push(violation(`${attempt} attempts, ${maxAttempts} were allowed`));
  // Whether it should have ended is for another checker.
  if (!END_STATES.has(state)) return found;
  // One that was cancelled between two attempts has all of them in its history.
  const kept = state === 'cancelled' || state === 'expired' ? history.length : attempt - 1;
  const contiguous = history.every((number, index) => number === index + 1);
  if (!contiguous || history.length !== kept || history.length > attempt) {
    found.push(violation(`${state} with attempt ${attempt} after the attempts [${history.join(', ')}]`));
  }
  return found;
}

function soundTransitions(
  { id, state, createdMs }: FinalJob,
  transitions: readonly Transition[],
): Violation[] {
  const found: Violation[] = [];
  const fail = (what: string, { atMs }: { readonly atMs: number }) => {
    found.push({ what: `job ${id}: ${what}`, jobId: id, atMs });
  };
  let attempt = 0;
  let ends = 0;
  for (const one of transitions) {
    if (one.attemptBefore !== attempt) fail(`attempt ${attempt} became ${one.attemptBefore} unseen`, one);
    if (one.to === 'running' && one.attemptAfter !== attempt + 1)
      fail(`attempt ${attempt} was followed by attempt ${one.attemptAfter}`, one);
    if (one.from === 'running') {
      const counted = one.attemptAfter === attempt;
      // An attempt that was interrupted does not count, and ends nothing but by cancellation.
      const uncounted = one.attemptAfter === attempt - 1 && ['scheduled', 'cancelled'].includes(one.to);
      if (!counted && !uncounted)
        fail(`attempt ${attempt} ran, and it became ${one.to} with attempt ${one.attemptAfter}`, one);
    }
    if (END_STATES.has(one.to)) ends += 1;
    attempt = one.attemptAfter;
  }
  const [last] = transitions.slice(-1);
  if (!END_STATES.has(state)) return found;
  if (last?.to !== state) {
    const recorded = last === undefined ? 'nothing was recorded of it' : `its last record says ${last.to}`;
    fail(`it is ${state}, and ${recorded}`, last ?? { atMs: createdMs });
  } else if (ends !== 1) fail(`${ends} ends were accepted`, last);
  return found;
}
