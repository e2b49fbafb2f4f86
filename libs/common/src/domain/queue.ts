/** What a queue may do. A queue that was never given settings has those of UNLIMITED, and pays for none of them. */

/** No interval of this length sees more than so many jobs handed over; they go evenly spaced. */
export interface RateLimit {
  readonly limit: number;
  readonly intervalMs: number;
}

/**
 * `shared`: all executors that take its jobs drain it together. `leader`: one of them, elected, drains it alone and in strict
 * order, by priority, due time and id: one job at a time, and nobody overtakes the one whose turn it is, while it waits for
 * a retry too.
 */
export const DRAIN_POLICIES = ['shared', 'leader'] as const;
export type DrainPolicy = (typeof DRAIN_POLICIES)[number];

export interface QueueSettings {
  /** Most jobs in flight (handed over or running) in the whole cluster; null is no limit. */
  readonly concurrency: number | null;
  /** Most jobs in flight for each concurrencyKey. */
  readonly concurrencyPerKey: number;
  readonly rateLimit: RateLimit | null;
  /** Under `leader` there is neither a concurrency limit nor a rate limit: one job at a time is all there is. */
  readonly drain: DrainPolicy;
}

/** One per key: who gives jobs a concurrencyKey and says no more wants them one after the other. */
export const UNLIMITED: QueueSettings = {
  concurrency: null,
  concurrencyPerKey: 1,
  rateLimit: null,
  drain: 'shared',
};

export const CONCURRENCY = { min: 1, max: 1_000_000 } as const;
export const RATE_LIMIT = { min: 1, max: 1_000_000 } as const;
/** In milliseconds. A rate within less than a second is better said per second. */
export const RATE_INTERVAL_MS = { min: 1000, max: 31 * 24 * 3_600_000 } as const;
