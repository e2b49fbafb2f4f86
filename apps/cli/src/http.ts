/**
 * One JSON request to the store: with a time-out, retried for a short while where that is safe, and with every way to fail
 * turned into one of two errors: the store could not be reached, or it answered and refused.
 */
import { pause, withDeadline } from './deadline.js';
import {
  networkFault,
  RefusedError,
  refusalOf,
  UnexpectedAnswerError,
  UnreachableError,
} from './store-errors.js';

export interface HttpOptions {
  /** Address of the store; a path in it is kept, for a store behind a proxy. */
  readonly baseUrl: URL;
  /** Sent with every request, where there is one. */
  readonly apiKey?: string | undefined;
  /** Ends every request, and the retries, when it aborts. */
  readonly signal: AbortSignal;
  /** The longest a single try may take. Default 10 s. */
  readonly requestTimeoutMs?: number;
  /** How long tries are repeated, counted from the first. Default 5 s. */
  readonly patienceMs?: number;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the base URL, without a slash in front. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Whether sending it twice does no more than sending it once. Only then is it retried. */
  readonly repeatable: boolean;
}

const DEFAULT_REQUEST_TIMEOUT_MS = 10_000;
const DEFAULT_PATIENCE_MS = 5_000;
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 1_000;

/** "Come back later", from the store itself or from the proxy in front of a store that is restarting. */
const RETRYABLE_STATUS: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/**
 * Sends `request` and returns the body of its 2xx answer.
 * @throws RefusedError, UnreachableError, UnexpectedAnswerError, or the reason of the signal
 */
export async function requestJson(options: HttpOptions, request: HttpRequest): Promise<unknown> {
  const giveUpAt = performance.now() + (options.patienceMs ?? DEFAULT_PATIENCE_MS);
  for (let tries = 1; ; tries++) {
    try {
      return await sendOnce(options, request);
    } catch (error) {
      if (!request.repeatable || !isRetryable(error)) throw error;
      const retryMs = retryDelayMs(error, tries);
      if (performance.now() + retryMs > giveUpAt) throw error;
      await pause(retryMs, options.signal);
    }
  }
}

async function sendOnce(options: HttpOptions, request: HttpRequest): Promise<unknown> {
  const timeoutMs = options.requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS;
  const tooLate = () => new UnreachableError(options.baseUrl, `no answer within ${timeoutMs / 1000} s`);
  return withDeadline(options.signal, timeoutMs, tooLate, async (signal) => {
    const { response, text } = await exchange(options, request, signal);
    if (!response.ok) throw refusalOf(response, text);
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new UnexpectedAnswerError(options.baseUrl, 'it is not JSON');
    }
  });
}

async function exchange(options: HttpOptions, request: HttpRequest, signal: AbortSignal) {
  try {
    const response = await fetch(urlOf(options.baseUrl, request), {
      method: request.method,
      headers: {
        accept: 'application/json, application/problem+json',
        ...(options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }),
        ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...request.headers,
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      signal,
    });
    return { response, text: await response.text() };
  } catch (error) {
    // When it was stopped, its reason says more than fetch's own error.
    signal.throwIfAborted();
    throw new UnreachableError(options.baseUrl, networkFault(error), { cause: error });
  }
}

export function urlOf(baseUrl: URL, { path, query }: Pick<HttpRequest, 'path' | 'query'>): URL {
  const url = new URL(baseUrl);
  url.pathname = `${baseUrl.pathname.replace(/\/$/, '')}/${path}`;
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url;
}

/** Whether the same request may succeed in a moment. */
export function isRetryable(error: unknown): boolean {
  return (
    error instanceof UnreachableError || (error instanceof RefusedError && RETRYABLE_STATUS.has(error.status))
  );
}

export function retryDelayMs(error: unknown, tries: number): number {
  if (error instanceof RefusedError && error.retryAfterMs !== undefined) return error.retryAfterMs;
  const backoff = Math.min(FIRST_RETRY_MS * 2 ** (tries - 1), LONGEST_RETRY_MS);
  // Half of it is jitter, so that many clients do not come back in step.
  return backoff * (0.5 + Math.random() / 2);
}
