/** What a store tells of jobs as it happens; docs/EVENTS.md says what is promised. */
import type { components } from './generated/openapi.js';

export type JobState = components['schemas']['Job']['state'];

/** One change of one job. */
export interface JobEvent {
  readonly jobId: string;
  readonly type: string;
  readonly queue: string;
  readonly workflowId: string | null;
  /** `cancel-requested`: it runs, and is to end; `deleted`: by a person. */
  readonly change: 'state' | 'cancel-requested' | 'deleted';
  /** After the change, as the counts are. */
  readonly state: JobState;
  readonly attempt: number;
  readonly delivery: number;
  readonly at: string;
}

export type JobMessage =
  /** From here on nothing is missed; `resumed` when it goes on from where a stream broke off. */
  | { readonly event: 'listening'; readonly data: { readonly resumed: boolean } }
  | { readonly event: 'job'; readonly data: JobEvent }
  /** Events are missing; what follows is complete again. */
  | { readonly event: 'gap'; readonly data: { readonly reason: string; readonly detail: string } };

/** Each may name several, with commas between. */
export interface EventFilter {
  readonly queue?: string | undefined;
  readonly type?: string | undefined;
  readonly workflow?: string | undefined;
  readonly state?: string | undefined;
}

const END_STATES: ReadonlySet<JobState> = new Set(['succeeded', 'dead', 'cancelled', 'expired']);

/** Whether a job in that state has ended. */
export const hasEnded = (state: JobState): boolean => END_STATES.has(state);
