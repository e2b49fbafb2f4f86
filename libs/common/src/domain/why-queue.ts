/**
 * What the settings of its queue put in a job's way: a pause, limits and who holds them, the order of turns. Part of why.ts,
 * which says when each is looked for.
 */
import type { Job, JobState } from './job.js';
import type { DrainPolicy } from './queue.js';
import type { Lasting } from './why-reasons.js';
import type { WhyFacts } from './why.js';

/** A queue as a job of it meets it. */
export interface QueueFacts {
  readonly paused: boolean;
  /** False from a change of its settings until what was in flight then has been dealt with. */
  readonly settled: boolean;
  readonly drain: DrainPolicy;
  /** It has, or has had, jobs with keys. */
  readonly keyed: boolean;
  readonly concurrency: number | null;
  readonly concurrencyPerKey: number;
  readonly rateLimit: number | null;
  readonly rateIntervalMs: number | null;
  /** In how many milliseconds the rate lets the next job go; not positive when at once, null without a rate. */
  readonly rateWaitMs: number | null;
  /** Places that are taken, counted up to the limit, and some of the jobs that have them, longest running first. */
  readonly inFlight: number;
  readonly holders: readonly string[];
  /** The same for the job's concurrencyKey. */
  readonly keyInFlight: number;
  readonly keyHolders: readonly string[];
  /** Of a queue in strict order: the unfinished job whose turn it is. */
  readonly turn: TurnHolder | null;
  /** Due jobs of its fairness key that go before it, and how many other fairness keys have something due. */
  readonly keyAhead: number;
  readonly otherKeys: number;
}

export interface TurnHolder {
  readonly id: string;
  readonly state: JobState;
}

interface OfQueue extends Lasting {
  readonly queue: string;
}

interface Full extends OfQueue {
  readonly limit: number;
  readonly inFlight: number;
  /** Ids of some of the jobs that have the places. */
  readonly holders: readonly string[];
}

export type QueueReason =
  | (OfQueue & { readonly kind: 'queue-paused' | 'queue-changing' | 'leader-drained' })
  | (Full & { readonly kind: 'concurrency-limit' })
  | (Full & { readonly kind: 'concurrency-key-limit'; readonly concurrencyKey: string })
  | (OfQueue & {
      readonly kind: 'rate-limit';
      readonly limit: number;
      readonly intervalMs: number;
      /** When the rate lets the next job of the queue go. */
      readonly nextAt: Date;
      /** Due jobs of the queue that go before it. */
      readonly ahead: number;
    })
  | (OfQueue & {
      readonly kind: 'turn';
      readonly fairnessKey: string | null;
      /** Due jobs that go before it: those of its fairness key, if it has one. */
      readonly ahead: number;
      readonly otherKeys: number;
    })
  | (OfQueue & {
      readonly kind: 'strict-order';
      /** The job whose turn it is; null when the next one has not been chosen. */
      readonly turnOf: TurnHolder | null;
      readonly ahead: number;
    });

type Waiting = Pick<WhyFacts, 'job' | 'now' | 'dueBefore' | 'queue'>;

/** A change of settings takes about this long to be in force, in milliseconds. */
const CHANGE_MS = 100;

/** What holds up all jobs of the queue alike, due or not. @param remote whether workers outside run the job */
export function closedQueue({ job, queue }: Waiting, remote: boolean): QueueReason[] {
  if (queue === null) return [];
  const of = { queue: job.queue, aboutMs: null };
  const reasons: QueueReason[] = [];
  if (queue.paused) reasons.push({ kind: 'queue-paused', ...of });
  else if (!queue.settled) reasons.push({ kind: 'queue-changing', ...of, aboutMs: CHANGE_MS });
  if (remote && queue.drain === 'leader') reasons.push({ kind: 'leader-drained', ...of });
  return reasons;
}

/** Whether jobs of the queue go one by one as its limits allow, and not as slots become free. */
export function goesByLimits(queue: QueueFacts | null): boolean {
  if (queue === null) return false;
  const { keyed, concurrency, rateLimit, drain } = queue;
  return keyed || concurrency !== null || rateLimit !== null || drain === 'leader';
}

/** Limits that have no room, and turns of others, for a job that is due and has not been handed over. */
export function limitsOf(waiting: Waiting): QueueReason[] {
  const { job, queue } = waiting;
  if (queue === null || job.state !== 'scheduled') return [];
  if (queue.drain === 'leader') return strictOrder(waiting, queue);
  return [...places(job, queue), ...rate(waiting, queue), ...turn(waiting, queue)];
}

function places(job: Job, queue: QueueFacts): QueueReason[] {
  const reasons: QueueReason[] = [];
  const of = { queue: job.queue, aboutMs: null };
  const { concurrency, inFlight, holders, concurrencyPerKey, keyInFlight, keyHolders } = queue;
  if (concurrency !== null && inFlight >= concurrency)
    reasons.push({ kind: 'concurrency-limit', ...of, limit: concurrency, inFlight, holders });
  if (job.concurrencyKey !== null && keyInFlight >= concurrencyPerKey)
    reasons.push({
      kind: 'concurrency-key-limit',
      ...of,
      concurrencyKey: job.concurrencyKey,
      limit: concurrencyPerKey,
      inFlight: keyInFlight,
      holders: keyHolders,
    });
  return reasons;
}

/** How long is known: those before it go evenly spaced. */
function rate({ job, now, dueBefore }: Waiting, queue: QueueFacts): QueueReason[] {
  const { rateLimit: limit, rateIntervalMs: intervalMs, rateWaitMs } = queue;
  if (limit === null || intervalMs === null) return [];
  const nextInMs = Math.max(0, rateWaitMs ?? 0);
  const aboutMs = Math.ceil(nextInMs + (dueBefore * intervalMs) / limit);
  if (aboutMs === 0) return [];
  const nextAt = new Date(now.getTime() + nextInMs);
  return [{ kind: 'rate-limit', queue: job.queue, aboutMs, limit, intervalMs, nextAt, ahead: dueBefore }];
}

function turn({ job, dueBefore }: Waiting, queue: QueueFacts): QueueReason[] {
  if (!goesByLimits(queue)) return [];
  const { fairnessKey } = job;
  const ahead = fairnessKey === null ? dueBefore : queue.keyAhead;
  if (ahead === 0 && (fairnessKey === null || queue.otherKeys === 0)) return [];
  const { otherKeys } = queue;
  return [{ kind: 'turn', queue: job.queue, aboutMs: null, fairnessKey, ahead, otherKeys }];
}

function strictOrder({ job, dueBefore }: Waiting, { turn: turnOf }: QueueFacts): QueueReason[] {
  if (turnOf?.id === job.id || (turnOf === null && dueBefore === 0)) return [];
  return [{ kind: 'strict-order', queue: job.queue, aboutMs: null, turnOf, ahead: dueBefore }];
}
