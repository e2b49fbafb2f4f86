/** Where the next page of a list is. */

/** What a list's answer says of the next page, and the parameter that asks for it. */
const CURSORS = { nextCursor: 'cursor', nextAfter: 'after', nextBefore: 'before' } as const;

/**
 * The query of the next page, or undefined after the last. A `Link` header with rel="next" goes before the cursor in the
 * body: it is the same for every list.
 */
export function nextQuery(
  query: Readonly<Record<string, unknown>>,
  headers: Headers,
  body: unknown,
): Record<string, unknown> | undefined {
  const link = /<([^>]*)>\s*;[^,]*\brel="?next"?/.exec(headers.get('link') ?? '');
  if (link !== null) {
    // Only its query: behind a proxy, its address may not be the one that leads here.
    const { searchParams } = new URL(link[1] ?? '', 'http://store');
    return Object.fromEntries(searchParams);
  }
  if (typeof body !== 'object' || body === null) return undefined;
  for (const [field, parameter] of Object.entries(CURSORS)) {
    const cursor = (body as Partial<Record<string, unknown>>)[field];
    if (typeof cursor === 'string') return { ...query, [parameter]: cursor };
  }
  return undefined;
}
