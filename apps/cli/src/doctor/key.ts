/** Whether the API key opens the door, and how far: found out by asking for what a scope allows to be read. */
import { ProblemError } from '#client/errors.js';
import type { StoreApi } from '../api.js';
import { fail, ok, reasonOf, warn, type Finding } from './finding.js';

/** @param from what the key is from; undefined when there is none */
export async function lookAtKey(api: StoreApi, from: string | undefined): Promise<Finding> {
  const what = from === undefined ? 'no key is set' : `the key of ${from}`;
  try {
    const reads = await isAllowed(() => api.listQueues(1));
    if (from === undefined) return ok('API key', 'none is needed: the API is open');
    if (await isAllowed(() => api.listKeys(false)))
      return ok('API key', `${what} is valid, with every scope`);
    // Asking for what the others allow would do something, or stand in the audit log.
    return reads
      ? ok('API key', `${what} is valid, with the scope read, without admin; the others are not tried`)
      : warn(
          'API key',
          `${what} is valid, without the scope read`,
          'with it you could look at jobs and queues',
        );
  } catch (error) {
    const refused = error instanceof ProblemError && error.status === 401;
    return refused
      ? fail(
          'API key',
          `${what}, and the store says: ${reasonOf(error)}`,
          'set TRIUMVIR_API_KEY, --api-key-file, or a profile with a key; whoever has an admin key makes one with `triumvir key create`',
        )
      : warn(
          'API key',
          `${what}; it could not be tried: ${reasonOf(error)}`,
          'mend what else is wrong first',
        );
  }
}

async function isAllowed(request: () => Promise<unknown>): Promise<boolean> {
  try {
    await request();
    return true;
  } catch (error) {
    if (error instanceof ProblemError && error.status === 403) return false;
    throw error;
  }
}
