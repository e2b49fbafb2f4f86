/** Which queues a worker may lease from. */
import type { Caller } from '../access/caller.js';
import { invalid } from '../http/validation.js';
import type { LeaseRequest } from './lease.schemas.js';

/** A key that is limited to some queues says which of them it wants. @throws Problem when it does not, or may not */
export function requireQueues({ queues }: Pick<LeaseRequest, 'queues'>, caller: Caller): void {
  if (caller.queuePatterns === null) return;
  if (queues === undefined) {
    const message = 'must be given with a key that is limited to some queues';
    throw invalid('validation-failed', [{ field: 'queues', message }]);
  }
  for (const queue of queues) caller.requireQueue(queue);
}
