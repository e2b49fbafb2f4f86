/**
 * What a caller is told of its key's rate: RateLimit-Policy and RateLimit as the IETF draft of RateLimit header fields for
 * HTTP (draft-ietf-httpapi-ratelimit-headers, version 10) has them. `q` requests within `w` seconds are the policy; `r`
 * requests may follow at once, and after `t` seconds without any the whole quota is there again.
 */
import type { Quota, Rate } from '#common/domain/rate.js';

export type RateLimitHeaders = Readonly<Record<'ratelimit-policy' | 'ratelimit', string>>;

export function rateLimitHeaders({ requests, windowS }: Rate, quota: Quota): RateLimitHeaders {
  return {
    'ratelimit-policy': `"key";q=${requests};w=${windowS}`,
    ratelimit: `"key";r=${quota.remaining};t=${quota.fullInS}`,
  };
}
