/**
 * Why a job is not done yet: from what is known of it and of the system to the reason, and to what else would hold it up.
 * Facts in, reasons out; who gathers the facts is elsewhere (database/why.repository.ts), and so are the sentences
 * (why-sentences.ts). A new kind of obstacle is a fact, a member of Reason, a line in the order of obstacles, a sentence.
 */
import type { Job, JobError, JobState } from './job.js';

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

/** Who leads the shard of the job's queue. */
export type Leadership = { readonly kind: 'leading' | 'unknown' } | NoLeader;
interface NoLeader {
  readonly kind: 'none';
  /** Schedulers that stand for election there: none at all, or they have not agreed yet. */
  readonly candidates: number;
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
  readonly executors: readonly KnownExecutor[];
}

interface Lasting {
  /** About how long it will last, in milliseconds; null when nobody can know. */
  readonly aboutMs: number | null;
}

/** Every kind of reason, in the order in which they are looked for. */
export const REASON_KINDS = [
  'ended',
  'running',
  'ending',
  'executor-silent',
  'held',
  'blocked',
  'expiring',
  'due-later',
  'retry-later',
  'snoozed',
  'no-leader',
  'no-executor',
  'no-handler',
  'slots-busy',
  'handing-over',
] as const satisfies readonly Reason['kind'][];

export type Reason =
  | (Lasting & { readonly kind: 'due-later'; readonly dueAt: Date })
  | (Lasting & {
      readonly kind: 'retry-later';
      readonly dueAt: Date;
      readonly attempt: number;
      readonly maxAttempts: number;
      readonly error: JobError | null;
    })
  /** Its handler asked to be called again then. */
  | (Lasting & { readonly kind: 'snoozed'; readonly dueAt: Date })
  /** Its time to start has passed; the leader is about to end it. */
  | (Lasting & { readonly kind: 'expiring'; readonly expiresAt: Date })
  | (Lasting & { readonly kind: 'no-leader'; readonly candidates: number })
  | (Lasting & { readonly kind: 'no-executor'; readonly queue: string; readonly draining: number })
  | (Lasting & {
      readonly kind: 'no-handler';
      readonly queue: string;
      readonly type: string;
      readonly executors: number;
    })
  | (Lasting & {
      readonly kind: 'slots-busy';
      readonly queue: string;
      readonly slots: number;
      /** The first is the next to start; FURTHEST_PLACE stands for that one and all after it. */
      readonly place: number;
    })
  | (Lasting & { readonly kind: 'handing-over'; readonly since: Date | null })
  /** Its executor died, and it asked to be held then. */
  | (Lasting & { readonly kind: 'held'; readonly error: JobError })
  | (Lasting & { readonly kind: 'blocked' })
  | (Lasting & {
      readonly kind: 'running' | 'ending' | 'executor-silent';
      readonly since: Date;
      readonly forMs: number;
      readonly attempt: number;
      readonly maxAttempts: number;
      readonly timesOutAt: Date;
      readonly executor: { readonly id: string; readonly instance: string; readonly host: string } | null;
    })
  | {
      readonly kind: 'ended';
      readonly aboutMs: null;
      readonly state: Extract<JobState, 'succeeded' | 'dead' | 'cancelled' | 'expired'>;
      readonly at: Date;
      readonly agoMs: number;
      readonly attempt: number;
      readonly maxAttempts: number;
      readonly expiresAt: Date | null;
      readonly error: JobError | null;
    };

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
      return [
        job.error === null
          ? { kind: 'blocked', aboutMs: null }
          : { kind: 'held', aboutMs: null, error: job.error },
      ];
    case 'scheduled':
    case 'queued': {
      const [first, ...rest] = [
        expiring(facts),
        notDue(facts),
        noLeader(facts),
        noExecutor(facts),
        noHandler(facts),
        slotsBusy(facts),
      ].filter((obstacle) => obstacle !== undefined);
      return first === undefined ? [handingOver(facts)] : [first, ...rest];
    }
    default:
      throw new Error(`unknown state ${String(job.state satisfies never)}`);
  }
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

function notDue(facts: WhyFacts): Reason | undefined {
  const { job, now, lastFailureStartedAt } = facts;
  if (isDue(facts)) return undefined;
  const waits = { dueAt: job.runAt, aboutMs: job.runAt.getTime() - now.getTime() };
  if (job.startedAt === null) return { kind: 'due-later', ...waits };
  // A handler that asks to be called again leaves no trace in the history: the last start is none that failed.
  if (lastFailureStartedAt?.getTime() !== job.startedAt.getTime()) {
    // An executor without its handler puts a job off in the same way.
    return noHandler(facts) === undefined ? { kind: 'snoozed', ...waits } : undefined;
  }
  const { attempt, maxAttempts, error } = job;
  return { kind: 'retry-later', ...waits, attempt, maxAttempts, error };
}

/** What has been handed over needs no leader any more. */
function noLeader({ job, leadership }: WhyFacts): Reason | undefined {
  if (leadership.kind !== 'none' || job.state === 'queued') return undefined;
  return { kind: 'no-leader', aboutMs: null, candidates: leadership.candidates };
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

/** Said only of what is due: who will be busy when its time comes is not known. */
function slotsBusy(facts: WhyFacts): Reason | undefined {
  const executors = taking(facts);
  if (executors.length === 0 || !isDue(facts)) return undefined;
  const { job, dueBefore, handedOver } = facts;
  const slots = sum(executors.map((executor) => executor.slots));
  const free = slots - sum(executors.map((executor) => executor.running));
  const before = job.state === 'queued' ? handedOver - 1 : dueBefore + handedOver;
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

function handingOver({ job }: WhyFacts): Reason {
  return { kind: 'handing-over', aboutMs: HAND_OVER_MS, since: job.queuedAt };
}

function running({ job, now, executors }: WhyFacts): Reason {
  const since = job.startedAt ?? now;
  const forMs = Math.max(0, now.getTime() - since.getTime());
  const known = executors.find(({ id }) => id === job.executorId);
  const meanMs = known?.meanMs[job.type];
  const silent = known === undefined || known.leaseMs <= 0;
  return {
    kind: silent ? 'executor-silent' : job.cancelRequestedAt === null ? 'running' : 'ending',
    aboutMs: silent ? LOOK_MS : meanMs === undefined || meanMs < forMs ? null : Math.round(meanMs - forMs),
    since,
    forMs,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    timesOutAt: new Date(since.getTime() + job.timeoutMs),
    executor: known === undefined ? null : { id: known.id, instance: known.instance, host: known.host },
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
