/** Which failures a moment's patience may cure, and how long that moment is. */
import { ProblemError, UnexpectedAnswerError, UnreachableError } from './errors.js';

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 1_000;

/** "Come back later", from the store itself or from the proxy in front of a store that is restarting. */
const RETRYABLE_STATUS: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const TOO_MANY_REQUESTS = 429;

/**
 * Whether the same request may succeed in a moment.
 * @param repeatable whether sending it twice does no more than sending it once; one that was turned away at the door, for
 *   its number, has done nothing and may always be sent again
 */
export function isRetryable(error: unknown, repeatable: boolean): boolean {
  if (error instanceof UnreachableError) return repeatable;
  if (!(error instanceof ProblemError || error instanceof UnexpectedAnswerError)) return false;
  if (error.status === undefined) return false;
  return error.status === TOO_MANY_REQUESTS || (repeatable && RETRYABLE_STATUS.has(error.status));
}

/** @param tries how many there have been */
export function retryDelayMs(error: unknown, tries: number): number {
  if (error instanceof ProblemError || error instanceof UnexpectedAnswerError) {
    if (error.retryAfterMs !== undefined) return error.retryAfterMs;
  }
  const backoff = Math.min(FIRST_RETRY_MS * 2 ** (tries - 1), LONGEST_RETRY_MS);
  // Half of it is jitter, so that many clients do not come back in step.
  return backoff * (0.5 + Math.random() / 2);
}
