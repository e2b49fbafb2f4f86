/**
 * Checker 1: every acknowledged submission reaches, once faults stop, an end state that what was submitted can have; what
 * is said to have succeeded has a complete entry in the ledger; and a submission that was repeated under its key is one job.
 */
import { END_STATES, type Evidence, type FinalJob, type Submission, type Violation } from './evidence.js';

export function nothingLost(evidence: Evidence): Violation[] {
  return [...findLost(evidence), ...findAstray(evidence), ...findDoubled(evidence)];
}

/** What was acknowledged and is not there, has not ended, or is said to have been done and was not. */
export function findLost({ submissions, jobs, ledger, transitions }: Evidence): Violation[] {
  // Whatever lost a job did so after its last change.
  const lastSeen = new Map(transitions.map(({ jobId, atMs }) => [jobId, atMs]));
  const known = new Set(jobs.map(({ id }) => id));
  const complete = new Set(
    ledger.filter(({ end }) => end?.exit === 0).map(({ jobId, attempt }) => `${jobId}/${attempt}`),
  );
  const gone = submissions.flatMap(({ name, result, jobId = '', atMs }): Violation[] => {
    if (result !== 'ok' || known.has(jobId)) return [];
    return [{ what: `${name} was acknowledged as job ${jobId}, which does not exist`, jobId, atMs }];
  });
  const unended = jobs.flatMap(({ id, name, state, createdMs }): Violation[] => {
    if (END_STATES.has(state)) return [];
    const atMs = lastSeen.get(id) ?? createdMs;
    return [{ what: `job ${id} (${name}) never ended, it is ${state}`, jobId: id, atMs }];
  });
  const undone = jobs.flatMap(({ id, name, type, state, attempt, createdMs }): Violation[] => {
    if (type !== 'command' || state !== 'succeeded' || complete.has(`${id}/${attempt}`)) return [];
    const what = `job ${id} (${name}) succeeded with attempt ${attempt}, which the ledger does not show complete`;
    return [{ what, jobId: id, atMs: createdMs }];
  });
  return [...gone, ...unended, ...undone];
}

/** What ended, and not as it should have. */
function findAstray({ submissions, jobs }: Evidence): Violation[] {
  // By name, since a submission whose answer was lost may have become a job too.
  const submitted = new Map(submissions.map((one) => [one.name, one]));
  return jobs.flatMap((job): Violation[] => {
    const { id, name, state, finishedMs, createdMs } = job;
    const reason = END_STATES.has(state) ? astray(job, submitted.get(name ?? '')) : undefined;
    if (reason === undefined) return [];
    const what = `job ${id} (${name}) ended as ${state}, although ${reason}`;
    return [{ what, jobId: id, atMs: finishedMs ?? createdMs }];
  });
}

/** Why a job must not have ended as it did; undefined when it may have. */
function astray(
  { state, attempt, maxAttempts }: FinalJob,
  submission: Submission | undefined,
): string | undefined {
  switch (state) {
    case 'succeeded':
      return submission?.hopeless === true ? 'every attempt fails by design' : undefined;
    case 'cancelled':
      return submission?.cancelAsked === true ? undefined : 'nobody asked for its cancellation';
    case 'dead':
      // The hopeless ones too are dead only after the last of their attempts.
      return attempt >= maxAttempts ? undefined : `only ${attempt} of ${maxAttempts} attempts were used`;
    default:
      return 'nothing was submitted that can end so';
  }
}

/** What was submitted again under its Idempotency-Key, and became a second job. */
function findDoubled({ submissions, jobs }: Evidence): Violation[] {
  const copies = countBy(jobs.flatMap(({ name }) => (name === null ? [] : [name])));
  return submissions.flatMap(({ name, tries, atMs }): Violation[] => {
    const count = copies.get(name) ?? 0;
    if (count < 2) return [];
    return [{ what: `${name} was submitted ${tries} times under one key and became ${count} jobs`, atMs }];
  });
}

function countBy(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
