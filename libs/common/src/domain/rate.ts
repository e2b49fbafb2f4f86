/** How many requests a key may make: a rate as people write it, and the bucket of tokens that holds a caller to it. */

export interface Rate {
  readonly requests: number;
  /** Within so many seconds. */
  readonly windowS: number;
}

const UNITS = { s: 1, m: 60, h: 3600 } as const;
export const MAX_REQUESTS = 1_000_000;
/** `100/s`, `600/m` or `5000/h`. */
export const RATE = /^([1-9]\d{0,6})\/([smh])$/;

/** @returns undefined when it is no rate */
export function parseRate(text: string): Rate | undefined {
  const [, count, unit] = RATE.exec(text) ?? [];
  const requests = Number(count);
  if (count === undefined || unit === undefined || requests > MAX_REQUESTS) return undefined;
  return { requests, windowS: UNITS[unit as keyof typeof UNITS] };
}

export function rateText({ requests, windowS }: Rate): string {
  const [unit = 's'] = Object.entries(UNITS).find(([, seconds]) => seconds === windowS) ?? [];
  return `${requests}/${unit}`;
}

/** What is left after a request. */
export interface Quota {
  readonly allowed: boolean;
  /** Whole requests that may follow at once. */
  readonly remaining: number;
  /** Seconds until all of it is there again. */
  readonly fullInS: number;
  /** Seconds until one more request may be made; 0 when one may. */
  readonly retryInS: number;
}

/** Holds as many tokens as the rate has requests and fills evenly, so a burst may use up a whole window at once. */
export class TokenBucket {
  #tokens: number;
  #at: number;

  constructor(
    readonly rate: Rate,
    nowMs: number,
  ) {
    this.#tokens = rate.requests;
    this.#at = nowMs;
  }

  /** Takes a token for a request, if there is one. @param nowMs of a clock that never goes back */
  take(nowMs: number): Quota {
    const { requests, windowS } = this.rate;
    const perSecond = requests / windowS;
    this.#tokens = Math.min(requests, this.#tokens + ((nowMs - this.#at) / 1000) * perSecond);
    this.#at = nowMs;
    const allowed = this.#tokens >= 1;
    if (allowed) this.#tokens -= 1;
    const missing = Math.max(0, 1 - this.#tokens);
    return {
      allowed,
      remaining: Math.floor(this.#tokens),
      fullInS: Math.ceil((requests - this.#tokens) / perSecond),
      retryInS: Math.ceil(missing / perSecond),
    };
  }
}
