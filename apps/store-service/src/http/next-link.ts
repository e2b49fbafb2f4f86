/** The Link header of a page that is not the last: the same request, from where the page ended (RFC 8288). */

/** @param url of the request, as it was sent: path and query */
export function nextLink(url: string, cursor: string): string {
  const next = new URL(url, 'http://store');
  next.searchParams.set('cursor', cursor);
  return `<${next.pathname}${next.search}>; rel="next"`;
}
