/** What a job is, and the states it can be in. */
import type { RetryPolicy } from './retry-policy.js';

export const JOB_STATES = [
  'blocked',
  'scheduled',
  'queued',
  'running',
  'succeeded',
  'dead',
  'cancelled',
  'expired',
] as const;

export type JobState = (typeof JOB_STATES)[number];

/**
 * The legal transitions. Every UPDATE of a state names the state it leaves; this table says which may follow. What executors
 * run goes through `queued`; a worker outside leases a job straight from `scheduled`. Beside it stands only the retry of a
 * workflow, which gives its dead, cancelled and expired jobs another chance, as if they had not been reached yet.
 */
export const NEXT_STATES = {
  blocked: ['scheduled', 'cancelled'],
  scheduled: ['queued', 'running', 'cancelled', 'expired'],
  queued: ['running', 'scheduled', 'cancelled', 'expired'],
  running: ['succeeded', 'scheduled', 'dead', 'cancelled', 'blocked'],
  succeeded: [],
  dead: ['scheduled'],
  cancelled: [],
  expired: [],
} as const satisfies Record<JobState, readonly JobState[]>;

/** States in which nothing more happens by itself. A person may still re-drive a dead job. */
export const END_STATES = [
  'succeeded',
  'dead',
  'cancelled',
  'expired',
] as const satisfies readonly JobState[];

export function isEndState(state: JobState): boolean {
  return (END_STATES as readonly JobState[]).includes(state);
}

export function canFollow(from: JobState, to: JobState): boolean {
  return (NEXT_STATES[from] as readonly JobState[]).includes(to);
}

export const DEFAULT_QUEUE = 'default';
/** 0 is the most urgent, 9 the least. */
export const MAX_TAGS = 16;
/** Characters. */
export const MAX_TAG_LENGTH = 64;
export const PRIORITY = { most: 0, least: 9, default: 5 } as const;
export const MAX_ATTEMPTS = { min: 1, max: 100, default: 4 } as const;
/** How long one attempt may run, in milliseconds: an hour unless the job says otherwise, a week at most. */
export const TIMEOUT_MS = { min: 1, max: 7 * 24 * 3_600_000, default: 3_600_000 } as const;

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * What becomes of a job whose executor died while it ran: `retry` tries again by the job's policy; `fail` makes it dead;
 * `hold` blocks it until a person has looked, for work that must not be repeated unseen.
 */
export const ON_LOST = ['retry', 'fail', 'hold'] as const;
export type OnLost = (typeof ON_LOST)[number];

/** Why an attempt did not succeed, as it is kept and shown. */
export interface JobError {
  /** A stable word to filter by, such as CommandFailed, Timeout or ExecutorLost. */
  readonly name: string;
  readonly message: string;
  /** Facts that belong to the name, such as the exit code. */
  readonly details?: { readonly [key: string]: Json };
}

/** What a caller hands in; everything has its default filled in already. */
export interface NewJob {
  readonly id: string;
  readonly name: string | null;
  readonly type: string;
  readonly queue: string;
  readonly payload: Json;
  readonly priority: number;
  /** Absolute due time, or null for "now", which the database then decides. */
  readonly runAt: Date | null;
  /** Wait after submission, in milliseconds; counts only where runAt is null. */
  readonly delayMs: number;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  /** Null is the default policy. */
  readonly retry: RetryPolicy | null;
  readonly onLost: OnLost;
  /** At most one unfinished job has it. */
  readonly uniqueKey: string | null;
  /** Of the jobs of its queue that share it only as many run at a time as the queue's concurrencyPerKey says. */
  readonly concurrencyKey: string | null;
  /** Jobs of its queue that share it take turns with those that have another one. */
  readonly fairnessKey: string | null;
  /** Words to find it by. */
  readonly tags: readonly string[];
  /** A job that has not started by then never does; null where it has all the time in the world, or expiresInMs says it. */
  readonly expiresAt: Date | null;
  /** The same, in milliseconds from when it is due, or from its submission when that is later. */
  readonly expiresInMs: number | null;
  /** Id of the API key that submitted it; null for those that nobody's key did. */
  readonly createdBy: string | null;
}

export interface Job extends Omit<NewJob, 'runAt' | 'delayMs' | 'expiresInMs'> {
  readonly state: JobState;
  readonly runAt: Date;
  readonly delivery: number;
  readonly attempt: number;
  readonly createdAt: Date;
  readonly queuedAt: Date | null;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly executorId: string | null;
  /** What the worker outside that leased it last calls itself; null for a job that executors run. */
  readonly worker: string | null;
  readonly cancelRequestedAt: Date | null;
  readonly result: Json;
  readonly error: JobError | null;
  /** The workflow it belongs to. */
  readonly workflowId: string | null;
  /** How many of the jobs it depends on have yet to end as they should; null when it depends on none. */
  readonly waitsFor: number | null;
}

/** A hand-over: the right to try to start this job, valid while the job's delivery number is this one. */
export interface Delivery {
  readonly jobId: string;
  readonly delivery: number;
}

/** What an executor is given when its start was accepted: the spec as Postgres holds it. */
export interface StartedJob {
  readonly id: string;
  readonly type: string;
  readonly payload: Json;
  /** Fencing token of this run: attempts that are not counted share a number, deliveries never do. */
  readonly delivery: number;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy | null;
  readonly onLost: OnLost;
  /** True when it depends on other jobs, whose results it may want. */
  readonly hasParents: true | null;
}

/** A stretch of what an attempt wrote. */
export interface OutputPiece {
  readonly stream: 'out' | 'err';
  readonly text: string;
  /** Bytes left out just before this piece. */
  readonly omittedBytes: number;
}
