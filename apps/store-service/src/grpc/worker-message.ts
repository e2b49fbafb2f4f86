/** What workers send, from messages to what REST takes in a body, and what they are answered. */
import { stateName, jobMessage } from './job-message.js';
import { listOf, present, wordOf } from './message-fields.js';
import { jsonOf, jsonOfStruct, type StructMessage, type ValueMessage } from './struct.js';
import { millisecondsOf, timestampOf, type SecondsMessage } from './time.js';
import type { Lease } from '../workers/lease-desk.js';
import type { LeaseActionName } from '../workers/lease.schemas.js';
import type { LeaseAnswer } from '../workers/lease.views.js';

export interface LeaseJobsMessage {
  readonly types?: readonly string[];
  readonly worker?: string;
  readonly queues?: readonly string[];
  readonly max?: number;
  readonly wait?: SecondsMessage;
  readonly lease?: SecondsMessage;
}

interface PieceMessage {
  readonly stream?: string | number;
  readonly text?: string;
}

/** The fields of all calls about a job; which of them one has is its message's business. */
export interface ReportMessage {
  readonly jobId?: string;
  readonly leaseToken?: string;
  readonly lease?: SecondsMessage;
  readonly output?: readonly PieceMessage[];
  readonly result?: ValueMessage;
  readonly error?: { readonly name?: string; readonly message?: string; readonly details?: StructMessage };
  readonly final?: boolean;
  readonly retryAfter?: SecondsMessage;
  readonly delay?: SecondsMessage;
}

export function leaseRequestOf({ types = [], queues, wait, lease, ...same }: LeaseJobsMessage): object {
  return present({
    ...same,
    types,
    queues: listOf(queues),
    wait: wait && millisecondsOf(wait),
    lease: lease && millisecondsOf(lease),
  });
}

/** One item of a batch as REST takes it. */
export function reportOf(
  action: LeaseActionName | undefined,
  { lease, output, result, error, retryAfter, delay, ...same }: ReportMessage,
): object {
  return present({
    ...same,
    action,
    lease: lease && millisecondsOf(lease),
    output: listOf(output)?.map(({ stream, text }) => present({ stream: wordOf(stream, 'STREAM_'), text })),
    result: result && jsonOf(result),
    error: error && present({ ...error, details: error.details && jsonOfStruct(error.details) }),
    retryAfter: retryAfter && millisecondsOf(retryAfter),
    delay: delay && millisecondsOf(delay),
  });
}

export function leaseMessage({ token, job }: Lease): object {
  return { leaseToken: token, expiresAt: timestampOf(job.leaseUntil), job: jobMessage(job) };
}

export function answerMessage({ jobId, state, expiresAt, cancelRequested }: LeaseAnswer): object {
  return {
    jobId,
    state: stateName(state),
    expiresAt: expiresAt === undefined ? undefined : timestampOf(new Date(expiresAt)),
    cancelRequested,
  };
}
