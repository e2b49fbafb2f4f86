/** Bulk operations as the API shows them. */
import type { BulkOperation } from '#common/database/bulk.repository.js';
import { percentDone } from '#common/domain/bulk.js';
import { timeOfId } from '#common/domain/id-time.js';
import type { BulkOperationView } from './bulk.views.js';

export function presentBulk(operation: BulkOperation): BulkOperationView {
  const { request } = operation;
  return {
    id: operation.id,
    action: operation.action,
    filter: request.filter,
    attempts: request.action === 'retry' ? request.attempts : null,
    priority: request.action === 'reprioritise' ? request.priority : null,
    state: operation.state,
    percent: percentOf(operation),
    matched: operation.matched,
    done: operation.done,
    skipped: operation.skipped,
    requestedBy: operation.requester,
    error: operation.error,
    createdAt: operation.createdAt.toISOString(),
    startedAt: operation.startedAt?.toISOString() ?? null,
    finishedAt: operation.finishedAt?.toISOString() ?? null,
  };
}

function percentOf({ state, oldest, cursor, createdAt }: BulkOperation): number {
  if (state === 'done') return 100;
  return oldest === null ? 0 : percentDone(createdAt, timeOfId(oldest), timeOfId(cursor));
}
