/** The ways in which asking a store can fail, each with what a caller needs to know of it. */
import type { components } from './generated/openapi.js';

export type ProblemDocument = components['schemas']['Problem'];
export type FieldFault = components['schemas']['FieldProblem'];

/** Problem documents of a store are of these types; those of other services are not ours to understand. */
const PROBLEM_TYPES = 'urn:triumvir:problem:';

/** Thrown when the store answered, and the answer is no: what its problem document (RFC 9457) says. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  /** HTTP status. */
  readonly status: number;
  /** The kind of problem, for programs: `not-found`, `validation-failed`, … */
  readonly kind: string;
  /** Which fields of the request were wrong. */
  readonly faults: readonly FieldFault[];

  constructor(
    readonly problem: ProblemDocument,
    /** What the answer's Retry-After header asks for. */
    readonly retryAfterMs?: number,
  ) {
    super(problem.detail);
    this.status = problem.status;
    this.kind = problem.type.slice(PROBLEM_TYPES.length);
    this.faults = problem.errors ?? [];
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

/** Thrown when something answered that does not speak as a store does: another service, or a proxy before the store. */
export class UnexpectedAnswerError extends Error {
  override readonly name = 'UnexpectedAnswerError';
  constructor(
    readonly baseUrl: URL,
    reason: string,
    /** HTTP status, when it is what was not expected. */
    readonly status?: number,
    readonly retryAfterMs?: number,
  ) {
    super(`the answer from ${baseUrl.origin} is not a store's: ${reason}`);
  }
}

/** Thrown when a wait has taken as long as it may. */
export class WaitTimedOutError extends Error {
  override readonly name = 'WaitTimedOutError';
}

/**
 * A store does not redirect. What does is a stranger: to follow it would hand payloads to another host, and fetch() makes a GET of
 * a POST that is redirected, whose answer says nothing of what was asked for.
 */
export const NO_REDIRECTS = 'manual';

/** The error for an answer that is not 2xx. */
export function errorOf(
  baseUrl: URL,
  response: Response,
  text: string,
): ProblemError | UnexpectedAnswerError {
  const retryAfterMs = retryAfterOf(response);
  const body = parsedOrNull(text);
  if (isProblem(body)) return new ProblemError({ ...body, status: response.status }, retryAfterMs);
  const status = `HTTP ${response.status} ${response.statusText}`.trim();
  const to = response.headers.get('location');
  const what = to === null ? 'without a problem document' : `which leads to ${placeOf(to, baseUrl)}`;
  return new UnexpectedAnswerError(baseUrl, `${status}, ${what}`, response.status, retryAfterMs);
}

/** Without what may be secret in an address. */
function placeOf(location: string, baseUrl: URL): string {
  if (!URL.canParse(location, baseUrl.href)) return 'no address';
  const { origin, pathname } = new URL(location, baseUrl);
  return origin + pathname;
}

function isProblem(body: unknown): body is ProblemDocument {
  if (typeof body !== 'object' || body === null) return false;
  const { type, detail } = body as Partial<Record<string, unknown>>;
  return typeof type === 'string' && type.startsWith(PROBLEM_TYPES) && typeof detail === 'string';
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
