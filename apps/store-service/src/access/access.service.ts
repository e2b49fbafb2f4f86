/** The one place that decides who comes in, for every door: REST, the documents, metrics, events and gRPC. */
import { Injectable } from '@nestjs/common';
import { Problem } from '../http/problem.js';
import { digestOf } from './api-key-text.js';
import { Caller, type Wanted } from './caller.js';
import { KeyDirectory } from './key-directory.js';
import { rateLimitHeaders } from './rate-limit-headers.js';

@Injectable()
export class AccessService {
  constructor(private readonly keys: KeyDirectory) {}

  /**
   * Lets somebody in who wants to do one thing; what else they want is asked of the caller that is returned.
   * @param presented the key as it came, if one did
   * @param address where the request comes from, for the audit log
   * @throws Problem as `identify` does, and forbidden when the key lacks the scope or is limited to other queues
   */
  authorise(presented: string | undefined, wanted: Wanted, address: string): Caller {
    const caller = this.identify(presented, address);
    caller.require(wanted);
    return caller;
  }

  /**
   * For what lasts, such as a stream: calls back once when the caller's right to be here has ended.
   * @returns must be called when it does not matter any more
   */
  whenEnded(caller: Caller, end: () => void): () => void {
    return this.keys.whenEnded(caller.keyId, end);
  }

  /**
   * Says who it is, and counts the request.
   * @throws Problem unauthenticated without a key that may be used, too-many-requests beyond the key's rate, unavailable
   * while the keys are not known yet
   */
  identify(presented: string | undefined, address: string): Caller {
    if (this.keys.isOpen) return new Caller(undefined, address);
    if (!this.keys.isKnown)
      throw new Problem('unavailable', 'The API keys cannot be looked up yet. Try again in a moment.');
    if (presented === undefined)
      throw unauthenticated('An API key is needed: send it as Authorization: Bearer tv_… or as X-API-Key.');
    const key = this.keys.find(digestOf(presented));
    const nowMs = Date.now();
    if (key === undefined || key.hasExpired(nowMs))
      throw unauthenticated(
        'This API key does not exist, has expired or was revoked.',
        ', error="invalid_token"',
      );
    const quota = key.use(nowMs);
    if (quota === undefined || key.rate === null) return new Caller(key.grant, address);
    const headers = rateLimitHeaders(key.rate, quota);
    if (quota.allowed) return new Caller(key.grant, address, headers);
    throw new Problem(
      'too-many-requests',
      `The key "${key.grant.name}" has made as many requests as it may. Try again in ${quota.retryInS} s.`,
      [],
      { ...headers, 'retry-after': String(quota.retryInS) },
    );
  }
}

function unauthenticated(detail: string, why = ''): Problem {
  return new Problem('unauthenticated', detail, [], { 'www-authenticate': `Bearer realm="triumvir"${why}` });
}
