/** Bulk operations: what they can do, to which jobs, and why a job is left alone. */
import { isEndState, type JobState } from './job.js';

export const BULK_ACTIONS = ['cancel', 'retry', 'delete', 'reprioritise'] as const;

/** What is to be done, and what has to be known for it. */
export type BulkAction =
  | { readonly action: 'cancel' | 'delete' }
  /** @property attempts how many further ones each job gets */
  | { readonly action: 'retry'; readonly attempts: number }
  | { readonly action: 'reprioritise'; readonly priority: number };

export const BULK_STATES = ['running', 'done', 'cancelled', 'failed'] as const;
export type BulkState = (typeof BULK_STATES)[number];

export const SKIP_REASONS = {
  ended: 'it had ended',
  'not-ended': 'only jobs that have ended are deleted',
  'not-dead': 'only dead jobs, and those that are held after their executor died, are retried',
  'already-requested': 'its end had been asked for',
  'unique-key-taken': 'another unfinished job has its uniqueKey',
  'workflow-not-over': 'its workflow may still need it',
  unchanged: 'it had this priority',
} as const;
export type SkipReason = keyof typeof SKIP_REASONS;
export type Skipped = { readonly [Reason in SkipReason]?: number };

/** What must be known of a job, while nobody else can change it. */
export interface BulkTarget {
  readonly state: JobState;
  readonly priority: number;
  readonly cancelRequested: boolean;
  /** A blocked job with an error is held for a person. */
  readonly hasError: boolean;
  /** It belongs to a workflow that is not over. */
  readonly workflowOpen: boolean;
}

/** Why the job is to be left alone; undefined when it is not. */
export function reasonToSkip(action: BulkAction, target: BulkTarget): SkipReason | undefined {
  const hasEnded = isEndState(target.state);
  switch (action.action) {
    case 'cancel':
      if (hasEnded) return 'ended';
      return target.state === 'running' && target.cancelRequested ? 'already-requested' : undefined;
    case 'retry':
      return target.state === 'dead' || (target.state === 'blocked' && target.hasError)
        ? undefined
        : 'not-dead';
    case 'delete':
      if (!hasEnded) return 'not-ended';
      return target.workflowOpen ? 'workflow-not-over' : undefined;
    case 'reprioritise':
      if (hasEnded) return 'ended';
      return target.priority === action.priority ? 'unchanged' : undefined;
    default:
      throw new Error(`unknown action ${String(action satisfies never)}`);
  }
}

export function countSkipped(skipped: Skipped, reasons: readonly SkipReason[]): Skipped {
  const counts: { [Reason in SkipReason]?: number } = { ...skipped };
  for (const reason of reasons) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

/**
 * How far an operation that goes from the newest job to the oldest has come, in percent of the time of their creation.
 * @param from when it was asked for, @param to when the oldest job was made, @param at how far it has looked
 */
export function percentDone(from: Date, to: Date, at: Date): number {
  const all = from.getTime() - to.getTime();
  if (all <= 0) return 0;
  const percent = (100 * (from.getTime() - at.getTime())) / all;
  return Math.round(10 * Math.min(100, Math.max(0, percent))) / 10;
}
