/**
 * The one way into every gRPC method, ours and those of other systems: decodes, limits sizes, and turns what a method
 * throws into a status.
 */
import { once } from 'node:events';
import type {
  Metadata,
  MethodDefinition,
  sendUnaryData,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { ServiceDefinition } from '@grpc/proto-loader';
import type { Scope } from '#common/domain/access.js';
import type { Logger } from '#common/logging/logger.js';
import type { Caller } from '../access/caller.js';
import { BODY_LIMIT_BYTES } from '../http/bodies.js';
import { toProblem } from '../http/problem.filter.js';
import { Problem } from '../http/problem.js';
import { callerOf } from './call-guard.js';
import { grpcStatus, type GrpcStatus } from './status.js';

/** What a method is told beside its message. */
export interface Call {
  readonly metadata: Metadata;
  readonly caller: Caller;
  /** Aborts when nobody waits for the answer any more; for a stream also when the store begins to stop. */
  readonly signal: AbortSignal;
}

/** The message is what the .proto files say; whether its values make sense is for the method to check. */
type Answer<Request, Response> = (request: Request, call: Call) => Response;

export type Method = {
  /** What a key needs to call it; `nothing` is open to all. */
  readonly scope: Scope | 'nothing';
  readonly maxBytes: number;
} & (
  | { readonly kind: 'unary'; readonly run: Answer<never, Promise<object>> }
  | { readonly kind: 'stream'; readonly run: Answer<never, AsyncIterable<object>> }
);

/** A service as the server offers it. */
export interface GrpcService {
  /** With its package, such as `scheduler.JobService`. */
  readonly name: string;
  readonly definition: ServiceDefinition;
  readonly methods: Readonly<Record<string, Method>>;
}

/** @param maxBytes largest accepted message; by default that of a REST request for one job */
export function unary<Request>(
  scope: Scope | 'nothing',
  run: Answer<Request, Promise<object>>,
  maxBytes: number = BODY_LIMIT_BYTES,
): Method {
  return { kind: 'unary', scope, run, maxBytes };
}

/** The stream ends when `run` ends, which it does soon after its signal aborts. */
export function stream<Request>(
  scope: Scope | 'nothing',
  run: Answer<Request, AsyncIterable<object>>,
): Method {
  return { kind: 'stream', scope, run, maxBytes: BODY_LIMIT_BYTES };
}

export interface CallOptions {
  readonly log: Logger;
  /** Aborts when the store begins to stop. */
  readonly stopping: AbortSignal;
  /** Calls back when somebody's right to be here has ended; what it returns is called when nobody cares any more. */
  readonly whenEnded: (caller: Caller, end: () => void) => () => void;
}

/** The service as grpc-js wants it. */
export function implement({ definition, methods }: GrpcService, options: CallOptions) {
  const received: Record<string, MethodDefinition<Received, object>> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const [name, method] of Object.entries(methods)) {
    const of = definition[name];
    if (of === undefined) throw new Error(`The .proto files have no method ${name}.`);
    const { path, requestStream, responseStream, requestSerialize, responseSerialize, responseDeserialize } =
      of;
    received[name] = {
      path,
      requestStream,
      responseStream,
      requestSerialize,
      requestDeserialize: (bytes) => receive(of.requestDeserialize, method.maxBytes, bytes),
      responseSerialize,
      responseDeserialize,
    };
    implementation[name] = handlerOf(method, options);
  }
  return { definition: received, implementation };
}

/** A message, or why there is none. */
type Received = { readonly message: object } | { readonly problem: Problem };

/** Never throws: grpc-js would answer INTERNAL for what is a client's mistake. */
function receive(decode: (bytes: Buffer) => object, maxBytes: number, bytes: Buffer): Received {
  if (bytes.length > maxBytes)
    return {
      problem: new Problem('payload-too-large', `A message may have ${maxBytes} bytes at most here.`),
    };
  try {
    return { message: decode(bytes) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { problem: new Problem('bad-request', `The message cannot be decoded: ${why}.`) };
  }
}

type UnaryCall = ServerUnaryCall<Received, object>;
type StreamCall = ServerWritableStream<Received, object>;

function handlerOf(method: Method, options: CallOptions): UntypedServiceImplementation[string] {
  switch (method.kind) {
    case 'unary':
      return (call: UnaryCall, respond: sendUnaryData<object>) => {
        runUnary(method.run, call).then(
          (response) => respond(null, response),
          (error: unknown) => respond(failure(error, call, options.log)),
        );
      };
    case 'stream':
      return (call: StreamCall) => {
        runStream(method.run, call, options).then(
          () => call.end(),
          // This is how a stream of grpc-js is ended with a status.
          (error: unknown) => call.emit('error', failure(error, call, options.log)),
        );
      };
    default:
      throw new Error(`unknown kind of method ${String(method satisfies never)}`);
  }
}

async function runUnary(run: Answer<never, Promise<object>>, call: UnaryCall): Promise<object> {
  // What was under way when the store began to stop is still answered.
  const wanted = new AbortController();
  const abort = () => wanted.abort();
  call.once('cancelled', abort);
  const { metadata } = call;
  try {
    const caller = callerOf(metadata);
    return await run(messageOf(call.request), { metadata, caller, signal: wanted.signal });
  } finally {
    // grpc-js says so after every call, also when its answer has been sent.
    call.off('cancelled', abort);
  }
}

async function runStream(
  run: Answer<never, AsyncIterable<object>>,
  call: StreamCall,
  { stopping, whenEnded }: CallOptions,
): Promise<void> {
  const wanted = new AbortController();
  const abort = () => wanted.abort();
  call.once('cancelled', abort);
  stopping.addEventListener('abort', abort, { once: true });
  const { metadata } = call;
  const caller = callerOf(metadata);
  let hasEnded = false;
  const forget = whenEnded(caller, () => {
    hasEnded = true;
    abort();
  });
  try {
    const { signal } = wanted;
    for await (const message of run(messageOf(call.request), { metadata, caller, signal })) {
      if (signal.aborted) break;
      if (!call.write(message)) await once(call, 'drain', { signal }).catch(() => undefined);
    }
  } finally {
    forget();
    stopping.removeEventListener('abort', abort);
  }
  if (hasEnded) throw new Problem('unauthenticated', 'This API key has ended, and the call with it.');
  if (stopping.aborted) throw new Problem('unavailable', 'The store is stopping; call again.');
}

/** @throws Problem when the message was refused */
function messageOf(received: Received): never {
  if ('problem' in received) throw received.problem;
  return received.message as never;
}

function failure(error: unknown, call: UnaryCall | StreamCall, log: Logger): GrpcStatus & Error {
  const problem = toProblem(error);
  const method = call.getPath();
  if (problem.kind === 'internal') log.error('call failed', { method, error });
  else if (problem.kind === 'unavailable') log.debug('call refused', { method, error });
  return Object.assign(problem, grpcStatus(problem));
}
