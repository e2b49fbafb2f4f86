/** The Link header of every page that is not the last: the same request, from where the page ended (RFC 8288). */
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** The field of a page that says where to go on, and the parameter that it is then sent in. */
const CONTINUATIONS = { nextCursor: 'cursor', nextAfter: 'after', nextBefore: 'before' } as const;

/** Adds the header to every answer that is a page and not the last one. */
export function linkNextPages(app: NestFastifyApplication): void {
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('preSerialization', (request, reply, payload, done) => {
      const link = request.method === 'GET' ? nextLink(request.url, payload) : undefined;
      if (link !== undefined) void reply.header('link', link);
      done();
    });
}

/**
 * @param url of the request, as it was sent: path and query
 * @param answer anything
 * @returns undefined when that is no page, or the last one
 */
export function nextLink(url: string, answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  for (const [field, parameter] of Object.entries(CONTINUATIONS)) {
    const position: unknown = (answer as Record<string, unknown>)[field];
    if (typeof position !== 'string') continue;
    const next = new URL(url, 'http://store');
    next.searchParams.set(parameter, position);
    return `<${next.pathname}${next.search}>; rel="next"`;
  }
  return undefined;
}

/** Whether answers of this shape may have the header. */
export function isPage(fields: readonly string[]): boolean {
  return Object.keys(CONTINUATIONS).some((field) => fields.includes(field));
}
