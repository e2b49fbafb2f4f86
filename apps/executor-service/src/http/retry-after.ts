/** The header Retry-After, RFC 9110, section 10.2.3: seconds, or a date. */

/** How long to wait, in milliseconds; undefined when it is absent or makes no sense. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  // Only the formats of HTTP begin with the name of a day.
  const at = /^[A-Z][a-z]+,? /.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
