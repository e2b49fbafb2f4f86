/**
 * Follows jobs until they have ended, by asking for each again and again: quickly while it changes, ever more slowly
 * while it does not.
 */
import { isFinished, type Job } from './answers.js';
import { mapConcurrently } from './concurrency.js';
import { pause } from '#client/deadline.js';

export interface FollowOptions {
  readonly getJob: (id: string) => Promise<Job>;
  /** Called with every answer, changed or not. */
  readonly onAnswer: (job: Job) => void;
  /** Ends the following, with its reason thrown. */
  readonly signal: AbortSignal;
}

const FIRST_INTERVAL_MS = 100;
const LONGEST_INTERVAL_MS = 1_000;
const GROWTH = 1.5;
/** What each job that is waited for adds to the interval: however many they are, the store gets 500 requests a second at most. */
const SPACING_MS = 2;
const REQUESTS_AT_ONCE = 8;

interface Followed {
  job: Job;
  askedAt: number;
  intervalMs: number;
}

export async function follow(jobs: readonly Job[], options: FollowOptions): Promise<void> {
  let pending: Followed[] = jobs
    .filter((job) => !isFinished(job))
    .map((job) => ({ job, askedAt: performance.now(), intervalMs: FIRST_INTERVAL_MS }));

  while (pending.length > 0) {
    // Worked out anew in each round, so that the last of many jobs are asked for as often as few would be.
    const spacingMs = pending.length * SPACING_MS;
    const dueAt = ({ askedAt, intervalMs }: Followed) => askedAt + Math.max(intervalMs, spacingMs);
    const earliest = pending.reduce((least, followed) => Math.min(least, dueAt(followed)), Infinity);
    await pause(Math.ceil(Math.max(0, earliest - performance.now())), options.signal);

    const now = performance.now();
    const due = pending.filter((followed) => dueAt(followed) <= now);
    await mapConcurrently(due, REQUESTS_AT_ONCE, (followed) => ask(followed, options));
    pending = pending.filter(({ job }) => !isFinished(job));
  }
}

async function ask(followed: Followed, { getJob, onAnswer, signal }: FollowOptions): Promise<void> {
  signal.throwIfAborted();
  const before = followed.job;
  followed.askedAt = performance.now();
  followed.job = await getJob(before.id);
  const changed = followed.job.state !== before.state || followed.job.attempt !== before.attempt;
  followed.intervalMs = changed
    ? FIRST_INTERVAL_MS
    : Math.min(followed.intervalMs * GROWTH, LONGEST_INTERVAL_MS);
  onAnswer(followed.job);
}
