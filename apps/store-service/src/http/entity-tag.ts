/** Entity tags (RFC 9110): what a client looked at, so that it does not overwrite what somebody else has changed since. */
import { invalid } from './validation.js';

export function entityTag(version: number): string {
  return `"${version}"`;
}

/**
 * The version that a request insists on, or undefined when it does not.
 * @param ifMatch the header's text
 * @throws Problem when it is not an ETag of ours
 */
export function versionOf(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined;
  const version = /^"(\d{1,9})"$/.exec(ifMatch.trim())?.[1];
  if (version !== undefined) return Number(version);
  throw invalid('bad-request', [
    { field: 'If-Match', message: 'must be the ETag of an earlier answer, such as "3"' },
  ]);
}
