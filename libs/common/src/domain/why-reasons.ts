/** Every kind of reason for which a job is not done yet, and the facts that belong to it. docs/WHY.md explains them to users. */
import type { JobError, JobState } from './job.js';
import type { QueueReason } from './why-queue.js';
import type { WaitedFor } from './why.js';

export interface Lasting {
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
  'queue-paused',
  'queue-changing',
  'leader-drained',
  'no-leader',
  'no-queue-leader',
  'no-executor',
  'no-handler',
  'no-worker',
  'workers-busy',
  'concurrency-limit',
  'concurrency-key-limit',
  'rate-limit',
  'turn',
  'strict-order',
  'slots-busy',
  'handing-over',
  'expires',
] as const satisfies readonly Reason['kind'][];

export type Reason =
  | QueueReason
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
  /** It ends then unless it has started. */
  | (Lasting & { readonly kind: 'expires'; readonly expiresAt: Date })
  | (Lasting & { readonly kind: 'no-leader'; readonly candidates: number })
  | (Lasting & { readonly kind: 'no-queue-leader'; readonly queue: string; readonly candidates: number })
  | (Lasting & { readonly kind: 'no-worker'; readonly queue: string; readonly type: string })
  | (Lasting & {
      readonly kind: 'workers-busy';
      readonly queue: string;
      readonly type: string;
      /** Jobs of the type that workers run. */
      readonly leases: number;
    })
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
  | (Lasting & {
      readonly kind: 'handing-over';
      readonly to: 'executor' | 'worker';
      readonly since: Date | null;
    })
  /** Its executor died, or a job failed that it depends on, and it asked to be held then. */
  | (Lasting & { readonly kind: 'held'; readonly error: JobError; readonly parents: readonly WaitedFor[] })
  | (Lasting & {
      readonly kind: 'blocked';
      /** How many jobs it waits for; the first of them are parents. */
      readonly waitsFor: number;
      readonly parents: readonly WaitedFor[];
    })
  | (Lasting & {
      readonly kind: 'running' | 'ending' | 'executor-silent';
      readonly since: Date;
      readonly forMs: number;
      readonly attempt: number;
      readonly maxAttempts: number;
      readonly timesOutAt: Date;
      readonly executor: { readonly id: string; readonly instance: string; readonly host: string } | null;
      /** What the worker outside that runs it calls itself; null when an executor does. */
      readonly worker: string | null;
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
