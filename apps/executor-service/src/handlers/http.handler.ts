/**
 * `http`: makes an HTTP request, for which the guard in ../http decides where it may lead. What was answered is the job's
 * output, and in short its result; an unexpected status is a failure.
 */
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import type { Json } from '#common/domain/job.js';
import { AddressGuard, AddressRefused, type Resolve } from '../http/address-guard.js';
import { guardedRequest, RedirectRefused, type Answer } from '../http/guarded-request.js';
import { retryAfterMs } from '../http/retry-after.js';
import { defineHandler, JobFailure, type Handler } from './handler.js';
import type { HandlerSettings } from './handler-settings.js';
import type { OutputCapture } from './output-capture.js';

/** How much of an answer is read at most, in bytes. */
const MAX_ANSWER_BYTES = 1024 * 1024;
/** How much of it the result holds, in bytes. */
const MAX_RESULT_BYTES = 16 * 1024;
/** Headers that belong to the connection, which is not the job's, or that would tell another host than the checked one. */
const NOT_SETTABLE = [
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
];
/** Methods whose repetition may do something twice: the other side can tell by the job's id that it is one. */
const NOT_IDEMPOTENT = new Set(['POST', 'PATCH']);

const headerName = z
  .string()
  .regex(
    new RegExp(`^(?!(${NOT_SETTABLE.map(inAnyCase).join('|')})$)[A-Za-z0-9!#$%&'*+.^_\`|~-]{1,100}$`),
    `must be a header name, and none of ${NOT_SETTABLE.join(', ')}`,
  );

const payload = z.strictObject({
  url: z
    .string()
    .max(8192)
    .regex(
      /^https?:\/\/[^/?#@\s\\]+([/?#]\S*)?$/,
      'must be an http or https address without user and password',
    )
    .refine((text) => URL.canParse(text), 'must be a URL')
    // The refinement, as JSON Schema has it.
    .meta({ format: 'uri' })
    .describe('Where the request goes.'),
  method: z
    .enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
    .default('GET')
    .describe('Default GET.'),
  headers: z
    .record(
      headerName,
      z
        .string()
        .max(8192)
        .regex(/^[\t\x20-\x7E\x80-\xFF]*$/, 'must be one line'),
    )
    .optional()
    .describe('Credentials belong here: they are not logged, and not sent on to another origin.'),
  body: z
    .unknown()
    .optional()
    .describe('A text is sent as it is; everything else as JSON, with its Content-Type.'),
  expectedStatus: z
    .array(z.int().min(200).max(599))
    .min(1)
    .optional()
    .describe('The statuses that are a success; 200 to 299 unless given.'),
  maxRedirects: z.int().min(0).max(10).default(5).describe('How many redirects are followed. Default 5.'),
  timeoutMs: z
    .int()
    .min(1)
    .max(3_600_000)
    .default(30_000)
    .describe('How long request, redirects and answer may take together, in milliseconds. Default 30000.'),
});

type Request = z.output<typeof payload>;

export default ({ EXECUTOR_HTTP_ALLOW }: HandlerSettings): Handler => httpHandler(EXECUTOR_HTTP_ALLOW);

/** @param allowed networks that may be reached although they are not public */
export function httpHandler(allowed: readonly string[], resolve?: Resolve): Handler {
  const guard = new AddressGuard(allowed, resolve);
  return defineHandler({
    type: 'http',
    payload,
    run: async (request, context) => {
      const startedAt = performance.now();
      const limit = AbortSignal.timeout(request.timeoutMs);
      const signal = AbortSignal.any([context.signal, limit]);
      try {
        const answer = await send(guard, request, context.jobId, signal);
        const read = await readBody(answer.message, context.output, signal);
        return judge(request, answer, read, Math.round(performance.now() - startedAt));
      } catch (error) {
        throw failure(error, request, limit.aborted);
      }
    },
  });
}

function send(guard: AddressGuard, request: Request, jobId: string, signal: AbortSignal): Promise<Answer> {
  const { url, method, headers = {}, body, maxRedirects } = request;
  const defaults: Record<string, string> = {
    'user-agent': 'triumvir',
    // What is compressed may be a thousand times as large once it is read.
    'accept-encoding': 'identity',
    ...(NOT_IDEMPOTENT.has(method) ? { 'idempotency-key': jobId } : {}),
    ...(body === undefined || typeof body === 'string' ? {} : { 'content-type': 'application/json' }),
  };
  const given = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const added = Object.entries(defaults).filter(([name]) => !given.has(name));
  return guardedRequest(
    guard,
    {
      url: new URL(url),
      method,
      headers: { ...Object.fromEntries(added), ...headers },
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    },
    maxRedirects,
    signal,
  );
}

interface ReadBody {
  readonly start: Buffer;
  readonly bytes: number;
  readonly complete: boolean;
}

/** Reads so much of an answer as is kept, into the job's output. */
async function readBody(
  message: IncomingMessage,
  output: OutputCapture,
  signal: AbortSignal,
): Promise<ReadBody> {
  const start: Buffer[] = [];
  let bytes = 0;
  const stop = () => message.destroy(signal.reason as Error);
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      const kept = chunk.subarray(0, MAX_ANSWER_BYTES - bytes);
      output.write('out', kept);
      if (bytes < MAX_RESULT_BYTES) start.push(kept.subarray(0, MAX_RESULT_BYTES - bytes));
      bytes += kept.length;
      if (kept.length < chunk.length) return { start: Buffer.concat(start), bytes, complete: false };
    }
    return { start: Buffer.concat(start), bytes, complete: true };
  } finally {
    signal.removeEventListener('abort', stop);
    message.destroy();
  }
}

/** The job's result. @throws JobFailure when the status is not an expected one */
function judge(
  { expectedStatus }: Request,
  { url, redirects, message }: Answer,
  { start, bytes, complete }: ReadBody,
  durationMs: number,
): Json {
  const { statusCode: status = 0, headers } = message;
  const contentType = headers['content-type'] ?? null;
  if (expectedStatus === undefined ? status >= 200 && status <= 299 : expectedStatus.includes(status)) {
    return {
      status,
      url: withoutSecrets(url),
      redirects,
      contentType,
      body: isText(contentType) ? start.toString('utf8') : null,
      bodyBytes: bytes,
      bodyComplete: complete && bytes <= MAX_RESULT_BYTES && isText(contentType),
      durationMs,
    };
  }
  const wait = retryAfterMs(headers['retry-after'], Date.now());
  throw new JobFailure(
    {
      name: 'UnexpectedStatus',
      message: `${withoutSecrets(url)} answered ${status}`,
      details: { status, contentType, durationMs },
    },
    wait === undefined ? {} : { retryAfterMs: wait },
  );
}

/** What went wrong, said without anything that could be a credential. */
function failure(error: unknown, { url, timeoutMs }: Request, timedOut: boolean): unknown {
  if (error instanceof JobFailure) return error;
  if (error instanceof AddressRefused || error instanceof RedirectRefused)
    return new JobFailure({ name: error.name, message: error.message }, { final: true });
  const where = withoutSecrets(new URL(url));
  if (timedOut)
    return new JobFailure({ name: 'HttpTimeout', message: `${where} did not answer in ${timeoutMs} ms` });
  const { code, message } = error as NodeJS.ErrnoException;
  return new JobFailure({ name: 'HttpFailed', message: `${where}: ${code ?? message}` });
}

/** Queries hold tokens now and then. */
function withoutSecrets({ origin, pathname }: URL): string {
  return origin + pathname;
}

function isText(contentType: string | null): boolean {
  return contentType !== null && /^text\/|[/+](json|xml)\b|x-www-form-urlencoded/i.test(contentType);
}

/** Patterns of JSON Schema have no flags. */
function inAnyCase(name: string): string {
  return name.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);
}
