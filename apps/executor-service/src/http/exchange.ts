/** One HTTP request and its answer, over a connection to addresses that have been checked. Follows nothing by itself. */
import { request as overHttp, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as overHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { Address } from './address-guard.js';

export interface Exchange {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** Resolves with the head of the answer; its body is still to be read, or destroyed. */
export function exchange(
  { url, method, headers, body }: Exchange,
  addresses: readonly Address[],
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const options: RequestOptions = {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) },
    // No agent: no connection that was made for another host or address, and no proxy from the environment.
    agent: false,
    lookup: pinnedTo(addresses),
    signal,
  };
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? overHttps : overHttp)(url, options, resolve);
    request.on('error', reject);
    // Nobody has asked for another protocol; without a listener there would be neither an answer nor an error.
    request.on('upgrade', (_answer, socket) => {
      socket.destroy();
      reject(new Error('answered with another protocol'));
    });
    request.end(body);
  });
}

/** A name is not resolved again: who answers twice might answer differently the second time. */
function pinnedTo(addresses: readonly Address[]): LookupFunction {
  return (_hostname, { all }, done) => {
    if (all === true) done(null, [...addresses]);
    else done(null, addresses[0]?.address ?? '', addresses[0]?.family);
  };
}
