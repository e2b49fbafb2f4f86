/** The one place that turns what became of an attempt into the job's next state. Runner and reclaimer both use it. */
import type { JobError, Json, OnLost } from './job.js';
import { DEFAULT_RETRY_POLICY, retryDelayMs, type RetryPolicy } from './retry-policy.js';

/** What became of an attempt. */
export type Outcome =
  | { readonly kind: 'succeeded'; readonly result: Json }
  /** The handler failed. `final` means that trying again is of no use; `retryAfterMs` overrides the policy's wait. */
  | {
      readonly kind: 'failed';
      readonly error: JobError;
      readonly final?: boolean;
      readonly retryAfterMs?: number;
    }
  | { readonly kind: 'timed_out'; readonly error: JobError }
  /** The executor died, or could not be heard any more. */
  | { readonly kind: 'lost'; readonly error: JobError }
  /** The handler asked to be called again later; nothing went wrong. */
  | { readonly kind: 'snoozed'; readonly delayMs: number }
  /** The executor is shutting down; the job is handed back as if it had not been started. */
  | { readonly kind: 'interrupted' }
  /** The handler ended because the job was cancelled. */
  | { readonly kind: 'cancelled' };

/** What an attempt came to that failed without being its job's last. */
export const COUNTED_OUTCOMES = ['failed', 'timed_out', 'lost'] as const;
export type CountedOutcome = (typeof COUNTED_OUTCOMES)[number];

/** An outcome that leads to the same state whatever the job's attempts and policies are. */
export type Unfailed = Extract<
  Outcome,
  { readonly kind: 'succeeded' | 'snoozed' | 'interrupted' | 'cancelled' }
>;

export type Decision =
  | { readonly state: 'succeeded'; readonly result: Json }
  | {
      readonly state: 'scheduled';
      /** Wait until the next attempt, in milliseconds. */
      readonly delayMs: number;
      /** Present when the attempt counts against maxAttempts and is kept in the job's history. */
      readonly counted?: { readonly outcome: CountedOutcome; readonly error: JobError };
    }
  | { readonly state: 'dead'; readonly error: JobError }
  /** Held until a person releases it. */
  | { readonly state: 'blocked'; readonly error: JobError }
  | { readonly state: 'cancelled' };

export interface Attempted {
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly retry: RetryPolicy | null;
  readonly onLost: OnLost;
}

/** What an attempt leads to that did not fail: for those who do not know the job, `decide` for all others. */
export function decideUnfailed(outcome: Unfailed): Decision {
  switch (outcome.kind) {
    case 'succeeded':
      return { state: 'succeeded', result: outcome.result };
    case 'snoozed':
      return { state: 'scheduled', delayMs: outcome.delayMs };
    case 'interrupted':
      return { state: 'scheduled', delayMs: 0 };
    case 'cancelled':
      return { state: 'cancelled' };
    default:
      throw new Error(`unknown outcome ${String(outcome satisfies never)}`);
  }
}

/** @param random a number in [0, 1), for the jitter of the wait */
export function decide(job: Attempted, outcome: Outcome, random: number): Decision {
  switch (outcome.kind) {
    case 'succeeded':
    case 'snoozed':
    case 'interrupted':
    case 'cancelled':
      return decideUnfailed(outcome);
    case 'failed':
    case 'timed_out':
    case 'lost': {
      if (outcome.kind === 'lost' && job.onLost === 'hold') return { state: 'blocked', error: outcome.error };
      const policyDelayMs = retryDelayMs(job.retry ?? DEFAULT_RETRY_POLICY, job.attempt, random);
      const final =
        (outcome.kind === 'failed' && outcome.final === true) ||
        (outcome.kind === 'lost' && job.onLost === 'fail');
      if (final || policyDelayMs === null || job.attempt >= job.maxAttempts) {
        return { state: 'dead', error: outcome.error };
      }
      const delayMs = (outcome.kind === 'failed' ? outcome.retryAfterMs : undefined) ?? policyDelayMs;
      return { state: 'scheduled', delayMs, counted: { outcome: outcome.kind, error: outcome.error } };
    }
    default:
      throw new Error(`unknown outcome ${String(outcome satisfies never)}`);
  }
}
