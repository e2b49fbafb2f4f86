/**
 * Errors as gRPC clients see them: a status code, a message, and google.rpc details that programs can read. A client's
 * mistake is never INTERNAL or UNKNOWN.
 */
import { Metadata, status } from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';
import { loadProtos } from '#common/grpc/protos.js';
import type { FieldProblem, Problem, ProblemKind } from '../http/problem.js';

const CODES: Readonly<Record<ProblemKind, status>> = {
  'bad-request': status.INVALID_ARGUMENT,
  'validation-failed': status.INVALID_ARGUMENT,
  unauthenticated: status.UNAUTHENTICATED,
  forbidden: status.PERMISSION_DENIED,
  'not-found': status.NOT_FOUND,
  conflict: status.FAILED_PRECONDITION,
  'precondition-failed': status.FAILED_PRECONDITION,
  'payload-too-large': status.RESOURCE_EXHAUSTED,
  'unsupported-media-type': status.INVALID_ARGUMENT,
  'method-not-allowed': status.UNIMPLEMENTED,
  'too-many-requests': status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  internal: status.INTERNAL,
};

/** Seconds after which a client may try again while a server behind us is away. */
const RETRY_AFTER_S = 1;

/** Some clients take no more than 8 KB of metadata, and the message is in it twice, once percent-encoded. */
const MAX_MESSAGE = 300;
const MAX_TEXT = 200;
const MAX_VIOLATIONS_BYTES = 2500;

export interface StatusMessage {
  readonly code: status;
  readonly message: string;
  readonly details: readonly { readonly type_url: string; readonly value: Uint8Array }[];
}

/** What grpc-js ends a call with. */
export interface GrpcStatus {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

const PROTOS = loadProtos('google/rpc/status.proto');

export function grpcStatus(problem: Problem): GrpcStatus {
  const message = statusMessage(problem);
  const metadata = new Metadata();
  if (message.details.length > 0)
    metadata.set('grpc-status-details-bin', messageType('google.rpc.Status').serialize(message));
  return { code: message.code, details: message.message, metadata };
}

/** The same as a message, for answers that hold several. */
export function statusMessage(problem: Problem): StatusMessage {
  const details = [];
  const illegal = illegalTransition(problem);
  if (illegal !== undefined) details.push(...transitionDetails(illegal));
  else if (problem.errors.length > 0)
    details.push(anyOf('google.rpc.BadRequest', { fieldViolations: violations(problem.errors) }));
  if (problem.kind === 'unavailable')
    details.push(anyOf('google.rpc.RetryInfo', { retryDelay: { seconds: RETRY_AFTER_S } }));
  if (problem.kind === 'too-many-requests')
    details.push(
      anyOf('google.rpc.RetryInfo', { retryDelay: { seconds: Number(problem.headers['retry-after']) } }),
    );
  return { code: codeOf(problem), message: cut(problem.detail, MAX_MESSAGE), details };
}

/** A conflict about a field means that what the field names is there already; except that a state does not allow something. */
function codeOf(problem: Problem): status {
  const { kind, errors } = problem;
  const isTaken = kind === 'conflict' && errors.length > 0 && illegalTransition(problem) === undefined;
  return isTaken ? status.ALREADY_EXISTS : CODES[kind];
}

function illegalTransition({ kind, errors }: Problem): FieldProblem | undefined {
  return kind === 'conflict' ? errors.find(({ field }) => field === 'state') : undefined;
}

/** Which states can follow, once for people and once for programs. */
function transitionDetails({ field, message, allowed = [] }: FieldProblem) {
  return [
    anyOf('google.rpc.PreconditionFailure', {
      violations: [{ type: field, subject: 'job', description: cut(message, MAX_TEXT) }],
    }),
    anyOf('google.rpc.ErrorInfo', {
      reason: 'ILLEGAL_TRANSITION',
      domain: 'triumvir',
      metadata: { allowed: allowed.join(',') },
    }),
  ];
}

function violations(errors: readonly FieldProblem[]): { field: string; description: string }[] {
  let bytes = 0;
  return errors
    .map(({ field, message }) => ({
      field: cut(fieldOf(field), MAX_TEXT),
      description: cut(message, MAX_TEXT),
    }))
    .filter(({ field, description }) => {
      bytes += Buffer.byteLength(field) + Buffer.byteLength(description);
      return bytes <= MAX_VIOLATIONS_BYTES;
    });
}

/** `jobs.3.maxAttempts` is `jobs.3.max_attempts` in the .proto files; names inside a payload are the client's own. */
function fieldOf(path: string): string {
  const [before, ...payload] = path.split(/(?<=\bpayload)(?=\.|$)/);
  const name = before === 'Idempotency-Key' ? 'idempotency-key' : (before ?? '');
  return [name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), ...payload].join('');
}

/** Half a surrogate pair, as cutting can leave one, would break grpc-js. */
function cut(text: string, longest: number): string {
  return (text.length > longest ? `${text.slice(0, longest - 1)}…` : text).toWellFormed();
}

function anyOf(type: string, message: object): { type_url: string; value: Uint8Array } {
  return { type_url: `type.googleapis.com/${type}`, value: messageType(type).serialize(message) };
}

function messageType(name: string): MessageTypeDefinition<object, object> {
  return PROTOS[name] as MessageTypeDefinition<object, object>;
}
