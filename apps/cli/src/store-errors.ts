/** The ways in which asking the store can fail, each with what a person needs to know of it. */
import { z } from 'zod';

const problemDocument = z.looseObject({
  title: z.string().optional(),
  detail: z.string().optional(),
  errors: z
    .array(
      z.looseObject({
        field: z.string(),
        message: z.string(),
        allowed: z
          .array(z.union([z.string(), z.number()]))
          .optional()
          .catch(undefined),
      }),
    )
    .optional(),
});

export type FieldFault = NonNullable<z.infer<typeof problemDocument>['errors']>[number];

/** Thrown when the store answered, and the answer is no. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  constructor(
    readonly status: number,
    message: string,
    readonly faults: readonly FieldFault[] = [],
    /** What the answer's Retry-After header asks for. */
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }
}

/** Thrown when no answer came: nobody listens there, the connection broke, or the time was up. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
  constructor(
    readonly baseUrl: URL,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(`cannot reach the store at ${baseUrl.origin}: ${reason}`, options);
  }
}

/** Thrown when something answered that does not speak as a store does. */
export class UnexpectedAnswerError extends Error {
  override readonly name = 'UnexpectedAnswerError';
  constructor(
    readonly baseUrl: URL,
    reason: string,
  ) {
    super(`the answer from ${baseUrl.origin} is not a store's: ${reason}`);
  }
}

/** The error for an answer that is not 2xx, with what its problem document (RFC 9457) says, if it is one. */
export function refusalOf(response: Response, text: string): RefusedError {
  const retryAfterMs = retryAfterOf(response);
  const problem = problemDocument.safeParse(parsedOrNull(text)).data;
  const message =
    problem?.detail ?? problem?.title ?? `HTTP ${response.status} ${response.statusText}`.trim();
  return new RefusedError(response.status, message, problem?.errors, retryAfterMs);
}

/** The header's number of seconds; its other form, a date, is not what a store sends. */
function retryAfterOf(response: Response): number | undefined {
  const value = response.headers.get('retry-after');
  return value !== null && /^\d+$/.test(value) ? Number(value) * 1000 : undefined;
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const NETWORK_FAULTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (connection refused)',
  ENOTFOUND: 'no such host name',
  EAI_AGAIN: 'the host name cannot be looked up now',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  UND_ERR_CONNECT_TIMEOUT: 'no connection in time',
};

/** fetch() says only "fetch failed"; what went wrong is in its cause. */
export function networkFault(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  if (code !== undefined) return NETWORK_FAULTS[code] ?? code;
  return cause instanceof Error ? cause.message : String(cause);
}
