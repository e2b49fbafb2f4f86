/** When a failed job is tried again. */

export type RetryPolicy =
  | {
      readonly strategy: 'exponential';
      /** Wait after the first failure, in milliseconds. */
      readonly baseMs: number;
      /** What each further wait is multiplied by. */
      readonly factor: number;
      /** Longest wait, in milliseconds. */
      readonly maxMs: number;
      /** Share of the wait that is left to chance, 0 to 1, so that jobs which failed together do not return together. */
      readonly jitter: number;
    }
  | { readonly strategy: 'fixed'; readonly delayMs: number }
  | {
      readonly strategy: 'list';
      /** The waits after the first, second, … failure, in milliseconds; the last one repeats. */
      readonly delaysMs: readonly number[];
    }
  | { readonly strategy: 'none' };

export const DEFAULT_RETRY_POLICY = {
  strategy: 'exponential',
  baseMs: 1000,
  factor: 2,
  maxMs: 3_600_000,
  jitter: 0.2,
} as const satisfies RetryPolicy;

/** No wait is longer than this, whatever the policy says: 30 days. */
export const MAX_RETRY_DELAY_MS = 30 * 24 * 3_600_000;

/**
 * Milliseconds to wait after attempt number `attempt` (the first is 1) failed, or null when the policy has no retries.
 * @param random a number in [0, 1)
 */
export function retryDelayMs(policy: RetryPolicy, attempt: number, random: number): number | null {
  switch (policy.strategy) {
    case 'exponential': {
      const full = Math.min(policy.baseMs * policy.factor ** (attempt - 1), policy.maxMs, MAX_RETRY_DELAY_MS);
      return Math.round(full * (1 - policy.jitter * random));
    }
    case 'fixed':
      return Math.min(policy.delayMs, MAX_RETRY_DELAY_MS);
    case 'list':
      return Math.min(
        policy.delaysMs[Math.min(attempt, policy.delaysMs.length) - 1] ?? 0,
        MAX_RETRY_DELAY_MS,
      );
    case 'none':
      return null;
    default:
      throw new Error(`unknown retry strategy ${String(policy satisfies never)}`);
  }
}
