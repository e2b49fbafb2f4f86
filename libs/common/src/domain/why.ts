/**
 * Why a job is not done yet: from what is known of it and of the system to the reason, and to what else would hold it up.
 * Facts in, reasons (why-reasons.ts) out; who gathers the facts is elsewhere (database/why.repository.ts), and so are the
 * sentences (why-sentences.ts). A new kind of obstacle is a fact, a member of Reason, a line in the order of obstacles, a
 * sentence.
 */
import type { Job, JobState } from './job.js';
import { closedQueue, goesByLimits, limitsOf, type QueueFacts } from './why-queue.js';
import type { Reason } from './why-reasons.js';
import type { OnDependencyFailure } from './workflow.js';

/** Places beyond this one are not counted. */
export const FURTHEST_PLACE = 1000;

/** An executor whose row is there. */
export interface KnownExecutor {
  readonly id: string;
  readonly instance: string;
  readonly host: string;
  readonly slots: number;
  /** Empty is all. */
  readonly queues: readonly string[];
  readonly types: readonly string[];
  /** Mean run time of each type, in milliseconds. */
  readonly meanMs: Readonly<Record<string, number>>;
  readonly draining: boolean;
  /** Until its lease ends, in milliseconds; not positive when it has ended. */
  readonly leaseMs: number;
  /** Attempts that it runs. */
  readonly running: number;
}

/** Who leads the shard of the job's queue, or stands for draining a queue in strict order. */
export type Leadership = { readonly kind: 'leading' | 'unknown' } | NoLeader;
interface NoLeader {
  readonly kind: 'none';
  /** Who stands for election there: nobody at all, or they have not agreed yet. */
  readonly candidates: number;
}

/** A job on which the job depends and that has not ended as it should. */
export interface WaitedFor {
  readonly id: string;
  readonly name: string | null;
  readonly state: JobState;
  readonly onDependencyFailure: OnDependencyFailure;
}

/** Workers outside that run the type of the job; null when executors do. */
export interface WorkerFacts {
  /** One has asked for such jobs just now. */
  readonly asking: boolean;
  /** Jobs of its type that they run. */
  readonly leases: number;
  /** Until the lease of the job itself ends, in milliseconds; null when it is not leased. */
  readonly leaseMs: number | null;
}

export interface WhyFacts {
  readonly job: Job;
  /** On the database's clock, which also says what is due. */
  readonly now: Date;
  /** When the attempt began that is the last in the job's history, or null when there is none. */
  readonly lastFailureStartedAt: Date | null;
  /** Due jobs of its queue that are handed over before it; counted up to FURTHEST_PLACE. */
  readonly dueBefore: number;
  /** Jobs of its queue that have been handed over and not started, itself among them; counted up to FURTHEST_PLACE. */
  readonly handedOver: number;
  readonly leadership: Leadership;
  /** Who drains its queue, if that is one elected executor; 'unknown' for any other queue. */
  readonly queueLeadership: Leadership;
  readonly executors: readonly KnownExecutor[];
  readonly workers: WorkerFacts | null;
  /** Null when its queue has no row, and so no settings. */
  readonly queue: QueueFacts | null;
  /** Of a blocked job: some of those that it waits for, or that have failed it. */
  readonly parents: readonly WaitedFor[];
}

/** A lost attempt is looked for, and an expired job ended, about this often, in milliseconds. */
const LOOK_MS = 1000;
/** A hand-over takes about this long where nothing is in its way, in milliseconds. */
const HAND_OVER_MS = 100;

/** The reason, and after it what else would hold the job up if that were gone. */
export function why(facts: WhyFacts): readonly [Reason, ...Reason[]] {
  const { job } = facts;
  switch (job.state) {
    case 'succeeded':
    case 'dead':
    case 'cancelled':
    case 'expired':
      return [ended(facts, job.state)];
    case 'running':
      return [running(facts)];
    case 'blocked':
      return [blocked(facts)];
    case 'scheduled':
    case 'queued': {
      const [first = handingOver(facts), ...rest] = [
        expiring(facts),
        notDue(facts),
        ...closedQueue(facts, facts.workers !== null),
        ...(facts.workers === null ? inTheWayOfExecutors(facts) : inTheWayOfWorkers(facts, facts.workers)),
        ...(isDue(facts) ? limitsOf(facts) : []),
        slotsBusy(facts),
      ].filter((obstacle) => obstacle !== undefined);
      return [first, ...rest, ...expires(facts)];
    }
    default:
      throw new Error(`unknown state ${String(job.state satisfies never)}`);
  }
}

function blocked({ job, parents }: WhyFacts): Reason {
  return job.error === null
    ? { kind: 'blocked', aboutMs: null, waitsFor: job.waitsFor ?? 0, parents }
    : { kind: 'held', aboutMs: null, error: job.error, parents };
}

function inTheWayOfExecutors(facts: WhyFacts): (Reason | undefined)[] {
  return [noLeader(facts), noQueueLeader(facts), noExecutor(facts), noHandler(facts)];
}

/** They take jobs from the store, so it needs no leader, and they tell nobody that they live but by asking for jobs. */
function inTheWayOfWorkers({ job: { queue, type } }: WhyFacts, { asking, leases }: WorkerFacts): Reason[] {
  if (asking) return [];
  return leases > 0
    ? [{ kind: 'workers-busy', aboutMs: null, queue, type, leases }]
    : [{ kind: 'no-worker', aboutMs: null, queue, type }];
}

/** Executors that take jobs of the queue. */
function serving({ job, executors }: WhyFacts): KnownExecutor[] {
  return executors.filter(
    ({ queues, leaseMs }) => leaseMs > 0 && (queues.length === 0 || queues.includes(job.queue)),
  );
}

function taking(facts: WhyFacts): KnownExecutor[] {
  return serving(facts).filter(({ draining }) => !draining);
}

function isDue({ job, now }: WhyFacts): boolean {
  return job.state === 'queued' || job.runAt <= now;
}

function expiring({ job, now }: WhyFacts): Reason | undefined {
  if (job.expiresAt === null || job.startedAt !== null || job.expiresAt > now) return undefined;
  return { kind: 'expiring', aboutMs: LOOK_MS, expiresAt: job.expiresAt };
}

/** Said last: it is no obstacle yet. */
function expires({ job, now }: WhyFacts): Reason[] {
  if (job.expiresAt === null || job.startedAt !== null || job.expiresAt <= now) return [];
  return [{ kind: 'expires', aboutMs: job.expiresAt.getTime() - now.getTime(), expiresAt: job.expiresAt }];
}

function notDue(facts: WhyFacts): Reason | undefined {
  const { job, now, lastFailureStartedAt } = facts;
  if (isDue(facts)) return undefined;
  const waits = { dueAt: job.runAt, aboutMs: job.runAt.getTime() - now.getTime() };
  if (job.startedAt === null) return { kind: 'due-later', ...waits };
  // A handler that asks to be called again leaves no trace in the history: the last start is none that failed.
  if (lastFailureStartedAt?.getTime() !== job.startedAt.getTime()) {
    // An executor without its handler puts a job off in the same way.
    return facts.workers !== null || noHandler(facts) === undefined
      ? { kind: 'snoozed', ...waits }
      : undefined;
  }
  const { attempt, maxAttempts, error } = job;
  return { kind: 'retry-later', ...waits, attempt, maxAttempts, error };
}

/** What has been handed over needs no leader any more. */
function noLeader({ job, leadership }: WhyFacts): Reason | undefined {
  if (leadership.kind !== 'none' || job.state === 'queued') return undefined;
  return { kind: 'no-leader', aboutMs: null, candidates: leadership.candidates };
}

/** Executors agree on who drains a queue in strict order; what has been handed over waits for that one, too. */
function noQueueLeader({ job, queueLeadership }: WhyFacts): Reason | undefined {
  if (queueLeadership.kind !== 'none') return undefined;
  const { candidates } = queueLeadership;
  return { kind: 'no-queue-leader', aboutMs: null, queue: job.queue, candidates };
}

function noExecutor(facts: WhyFacts): Reason | undefined {
  if (taking(facts).length > 0) return undefined;
  return { kind: 'no-executor', aboutMs: null, queue: facts.job.queue, draining: serving(facts).length };
}

function noHandler(facts: WhyFacts): Reason | undefined {
  const { queue, type } = facts.job;
  const executors = taking(facts);
  if (executors.length === 0 || executors.some(({ types }) => types.includes(type))) return undefined;
  return { kind: 'no-handler', aboutMs: null, queue, type, executors: executors.length };
}

/**
 * Said only of what is due: who will be busy when its time comes is not known. In a queue with limits those before it need no
 * slots until the limits let them go.
 */
function slotsBusy(facts: WhyFacts): Reason | undefined {
  if (facts.workers !== null) return undefined;
  const executors = taking(facts);
  if (executors.length === 0 || !isDue(facts)) return undefined;
  const { job, dueBefore, handedOver } = facts;
  const slots = sum(executors.map((executor) => executor.slots));
  const free = slots - sum(executors.map((executor) => executor.running));
  const waiting = goesByLimits(facts.queue) ? 0 : dueBefore;
  const before = job.state === 'queued' ? handedOver - 1 : waiting + handedOver;
  if (before < free) return undefined;
  const place = Math.min(before - Math.max(free, 0) + 1, FURTHEST_PLACE);
  const meanMs = mean(executors.flatMap((executor) => Object.values(executor.meanMs)));
  return {
    kind: 'slots-busy',
    aboutMs: meanMs === undefined ? null : Math.round((place / slots) * meanMs),
    queue: job.queue,
    slots,
    place,
  };
}

function handingOver({ job, workers }: WhyFacts): Reason {
  const to = workers === null ? 'executor' : 'worker';
  return {
    kind: 'handing-over',
    aboutMs: HAND_OVER_MS,
    to,
    since: job.state === 'queued' ? job.queuedAt : null,
  };
}

function running({ job, now, executors, workers }: WhyFacts): Reason {
  const since = job.startedAt ?? now;
  const forMs = Math.max(0, now.getTime() - since.getTime());
  const known = executors.find(({ id }) => id === job.executorId);
  const meanMs = known?.meanMs[job.type];
  const leaseMs = workers?.leaseMs ?? known?.leaseMs ?? 0;
  const silent = leaseMs <= 0;
  return {
    kind: silent ? 'executor-silent' : job.cancelRequestedAt === null ? 'running' : 'ending',
    aboutMs: silent ? LOOK_MS : meanMs === undefined || meanMs < forMs ? null : Math.round(meanMs - forMs),
    since,
    forMs,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    timesOutAt: new Date(since.getTime() + job.timeoutMs),
    executor: known === undefined ? null : { id: known.id, instance: known.instance, host: known.host },
    worker: workers?.leaseMs == null ? null : job.worker,
  };
}

function ended({ job, now }: WhyFacts, state: (Reason & { kind: 'ended' })['state']): Reason {
  const at = job.finishedAt ?? now;
  return {
    kind: 'ended',
    aboutMs: null,
    state,
    at,
    agoMs: Math.max(0, now.getTime() - at.getTime()),
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    expiresAt: job.expiresAt,
    error: job.error,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : sum(values) / values.length;
}
