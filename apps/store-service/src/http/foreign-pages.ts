/**
 * Keeps web pages of other sites from using somebody's browser against their store. A page can send requests to any
 * address, so a change that carries another site's Origin is refused; and it can give its own name the address 127.0.0.1,
 * so a store that listens on loopback answers only to the names of loopback.
 */
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Problem } from './problem.js';

const READS = new Set(['GET', 'HEAD', 'OPTIONS']);
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/i;

/** @param listenHost the address that the store listens on */
export function refuseForeignPages(app: NestFastifyApplication, listenHost: string): void {
  const loopbackOnly = isLoopback(listenHost);
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', async (request) => {
      const problem = foreignness(request.method, request.headers.host, request.headers.origin, loopbackOnly);
      if (problem !== undefined) throw problem;
    });
}

/** What is wrong with where a request says it comes from and goes to, or undefined. */
export function foreignness(
  method: string,
  host: string | undefined,
  origin: string | undefined,
  loopbackOnly: boolean,
): Problem | undefined {
  if (loopbackOnly && host !== undefined && !LOOPBACK.test(hostnameOf(host))) {
    return new Problem('forbidden', 'This store answers to localhost, 127.0.0.1 and [::1] only.');
  }
  if (!READS.has(method) && origin !== undefined && originHost(origin) !== host) {
    return new Problem('forbidden', 'A change may not be asked for by a page of another site.');
  }
  return undefined;
}

export function isLoopback(listenHost: string): boolean {
  return listenHost === '::1' || LOOPBACK.test(listenHost);
}

function hostnameOf(host: string): string {
  return host.replace(/:\d*$/, '');
}

/** Host and port of an Origin; `null`, which a sandboxed page sends, has none. */
function originHost(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
