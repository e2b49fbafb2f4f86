/** What happened to a job, as listeners are told, and which of it a listener wants to hear. */
import { queueMatcher } from './access.js';
import type { JobState } from './job.js';

/**
 * `state`: the job has this state now. `cancel-requested`: it is running and has been asked to end. `deleted`: a person
 * has removed it; what retention removes is not told.
 */
export type JobChange = 'state' | 'cancel-requested' | 'deleted';

export interface JobEvent {
  /** Grows along the events of one job. */
  readonly seq: number;
  /** The transaction that did it. */
  readonly xid: number;
  readonly jobId: string;
  readonly type: string;
  readonly queue: string;
  readonly workflowId: string | null;
  readonly change: JobChange;
  readonly state: JobState;
  /** Attempts that were started. */
  readonly attempt: number;
  /** Hand-overs to the queue. */
  readonly delivery: number;
  /** ISO 8601, UTC. */
  readonly at: string;
}

/** Every field that is given must fit; one with several values fits with any of them. */
export interface EventFilter {
  readonly jobId?: string | undefined;
  readonly workflowIds?: readonly string[] | undefined;
  readonly queues?: readonly string[] | undefined;
  /** Patterns, where the listener is limited to some queues. */
  readonly queuePatterns?: readonly string[] | undefined;
  readonly types?: readonly string[] | undefined;
  readonly states?: readonly JobState[] | undefined;
}

export function isWanted(
  { jobId, workflowIds, queues, queuePatterns, types, states }: EventFilter,
  event: JobEvent,
): boolean {
  return (
    (jobId === undefined || event.jobId === jobId) &&
    (workflowIds === undefined || (event.workflowId !== null && workflowIds.includes(event.workflowId))) &&
    (queues === undefined || queues.includes(event.queue)) &&
    (queuePatterns === undefined || queueMatcher(queuePatterns)(event.queue)) &&
    (types === undefined || types.includes(event.type)) &&
    (states === undefined || states.includes(event.state))
  );
}
