/** What the environment says about who may use the store. */
import { isLoopback } from '../http/foreign-pages.js';
import type { StoreEnvironment } from '../environment.js';

export class AccessSettings {
  /** Whether anybody may do anything as long as no key was ever made. */
  readonly openWithoutKeys: boolean;
  readonly bootstrapKey: string | undefined;

  constructor(
    environment: Pick<
      StoreEnvironment,
      'STORE_SERVICE_HOST' | 'STORE_BOOTSTRAP_KEY' | 'STORE_ALLOW_OPEN_ACCESS'
    >,
  ) {
    this.openWithoutKeys =
      isLoopback(environment.STORE_SERVICE_HOST) || environment.STORE_ALLOW_OPEN_ACCESS !== undefined;
    this.bootstrapKey = environment.STORE_BOOTSTRAP_KEY;
  }
}

/** What a person reads when the store may not start, or may not be used. */
export const NO_KEYS =
  'STORE_SERVICE_HOST is beyond loopback, where everybody who reaches the store could run commands, and there is no API key yet. Set STORE_BOOTSTRAP_KEY to a long random text, or make a key while the store listens on 127.0.0.1; docs/SECURITY.md says more.';
