/** The text of a key: how it is made, how a request presents it, and the digest that it is known by. */
import { hash, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** So that people, and programs that look for leaked secrets, know what it is. */
const PREFIX = 'tv_';
const RANDOM_BYTES = 32;
/** No key is longer; what is would only take long to hash. */
export const LONGEST_KEY = 200;

export function newKeyText(): string {
  return PREFIX + randomBytes(RANDOM_BYTES).toString('base64url');
}

/**
 * What keys are looked up by. How long a lookup by digest takes may tell something of the digest, but nothing of the key,
 * and a key has too many bits to be guessed from a digest; so no comparison of secrets takes place anywhere.
 */
export function digestOf(key: string): string {
  return hash('sha256', key, 'hex');
}

/** The key of `Authorization: Bearer …` or `X-API-Key: …`, whichever is there; the former counts when both are. */
export function presentedKey(headers: IncomingHttpHeaders): string | undefined {
  const { authorization, 'x-api-key': alone } = headers;
  const bearer = authorization === undefined ? undefined : /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
  const key = bearer ?? (typeof alone === 'string' && alone !== '' ? alone : undefined);
  return key?.slice(0, LONGEST_KEY + 1);
}
