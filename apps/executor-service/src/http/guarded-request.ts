/** A request with its redirects: each hop is checked as if it had been asked for itself. */
import type { IncomingMessage } from 'node:http';
import type { AddressGuard } from './address-guard.js';
import { exchange, type Exchange } from './exchange.js';

/** Thrown when an answer leads where it may not: too far, from https to http, or to no HTTP address at all. */
export class RedirectRefused extends Error {
  override readonly name = 'RedirectRefused';
}

export interface Answer {
  /** Where it came from in the end. */
  readonly url: URL;
  readonly redirects: number;
  readonly message: IncomingMessage;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** What another origin may see of the headers that were meant for the first one: nothing that could be a credential. */
const FOR_ANY_ORIGIN = new Set([
  'accept',
  'accept-language',
  'accept-encoding',
  'content-type',
  'user-agent',
]);

/**
 * @param maxRedirects 0 follows none: a redirect is then the answer
 * @throws AddressRefused, RedirectRefused, or the error of the connection
 */
export async function guardedRequest(
  guard: AddressGuard,
  first: Exchange,
  maxRedirects: number,
  signal: AbortSignal,
): Promise<Answer> {
  let next = first;
  for (let redirects = 0; ; redirects += 1) {
    const addresses = await untilAborted(guard.addressesOf(next.url.hostname), signal);
    const message = await exchange(next, addresses, signal);
    const { statusCode = 0, headers } = message;
    if (maxRedirects === 0 || !REDIRECTS.has(statusCode) || headers.location === undefined)
      return { url: next.url, redirects, message };
    message.destroy();
    if (redirects === maxRedirects) throw new RedirectRefused(`more than ${maxRedirects} redirects`);
    next = redirected(next, statusCode, headers.location);
  }
}

/** The request that an answer leads to, after RFC 9110, section 15.4. */
export function redirected(
  { url: from, method, headers, body }: Exchange,
  status: number,
  location: string,
): Exchange {
  const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new RedirectRefused('redirected to what is no http or https address');
  if (from.protocol === 'https:' && url.protocol === 'http:')
    throw new RedirectRefused('redirected from https to http');
  url.username = url.password = '';

  const becomesGet = status === 303 ? method !== 'HEAD' : status <= 302 && method === 'POST';
  const kept = Object.entries(headers).filter(
    ([name]) =>
      (url.origin === from.origin || FOR_ANY_ORIGIN.has(name.toLowerCase())) &&
      !(becomesGet && name.toLowerCase().startsWith('content-')),
  );
  return {
    url,
    method: becomesGet ? 'GET' : method,
    headers: Object.fromEntries(kept),
    body: becomesGet ? undefined : body,
  };
}

/** Looking up a name cannot be called off; it need not be waited for. */
function untilAborted<Value>(looking: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    looking.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
