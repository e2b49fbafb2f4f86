/** API keys for tests. */
import type { Scope } from '#common/domain/access.js';
import type { ApiClient } from './api-client.js';

export interface KeyAnswer {
  readonly id: string;
  /** Its text; only the answer that makes it has it. */
  readonly key: string;
  readonly lastUsedAt: string | null;
}

/** Makes one; it is named after its scopes. */
export async function makeKey(
  admin: ApiClient,
  scopes: readonly Scope[],
  more: object = {},
): Promise<KeyAnswer> {
  const { status, body } = await admin.request<KeyAnswer>('POST', '/api/v1/keys', {
    name: scopes.join('+'),
    scopes,
    ...more,
  });
  if (status !== 201) throw new Error(`making a key answered ${status}: ${JSON.stringify(body)}`);
  return body;
}
