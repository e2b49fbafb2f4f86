/** What a queue may do. A queue that was never given settings has those of UNLIMITED, and pays for none of them. */

/** No interval of this length sees more than so many jobs handed over; they go evenly spaced. */
export interface RateLimit {
  readonly limit: number;
  readonly intervalMs: number;
}

export interface QueueSettings {
  /** Most jobs in flight (handed over or running) in the whole cluster; null is no limit. */
  readonly concurrency: number | null;
  /** Most jobs in flight for each concurrencyKey. */
  readonly concurrencyPerKey: number;
  readonly rateLimit: RateLimit | null;
}

/** One per key: who gives jobs a concurrencyKey and says no more wants them one after the other. */
export const UNLIMITED: QueueSettings = { concurrency: null, concurrencyPerKey: 1, rateLimit: null };

export const CONCURRENCY = { min: 1, max: 1_000_000 } as const;
export const RATE_LIMIT = { min: 1, max: 1_000_000 } as const;
/** In milliseconds. A rate within less than a second is better said per second. */
export const RATE_INTERVAL_MS = { min: 1000, max: 31 * 24 * 3_600_000 } as const;
