/** What can be done with bulk operations. */
import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { BulkRepository, type BulkOperation, type Counted } from '#common/database/bulk.repository.js';
import type { JobFilter } from '#common/database/job-conditions.js';
import type { Json } from '#common/domain/job.js';
import { newId } from '#common/runtime/new-id.js';
import type { Caller } from '../access/caller.js';
import { Problem } from '../http/problem.js';
import { invalid, usedIdempotencyKey } from '../http/validation.js';
import { filterOf } from '../jobs/job-filter.js';
import { BulkRunner } from './bulk-runner.js';
import type { CreateBulk } from './bulk.schemas.js';

/** A dry run that counts longer than this says how far it got, in milliseconds. */
const COUNT_WITHIN_MS = 10_000;

@Injectable()
export class BulkService {
  constructor(
    private readonly bulk: BulkRepository,
    private readonly runner: BulkRunner,
  ) {}

  /**
   * Jobs of queues beyond the caller's key are not meant, whatever the filter says.
   * @param idempotencyKey a repetition with the same key and request returns the operation that the first one made
   * @throws Problem when nothing says which jobs are meant, or the query is wrong
   */
  async create(
    request: CreateBulk,
    idempotencyKey: string | undefined,
    caller: Caller,
  ): Promise<BulkOperation> {
    const { dryRun: _dryRun, all: _all, ...wanted } = request;
    // As it was sent: what is undefined has no place in JSON.
    const kept = JSON.parse(JSON.stringify(wanted)) as typeof wanted & { filter: { [word: string]: Json } };
    const requester = { keyId: caller.keyId, name: caller.grant?.name ?? null };
    const key =
      idempotencyKey === undefined
        ? undefined
        : { key: caller.ownKey(idempotencyKey), requestHash: fingerprint(wanted) };
    const submission = await this.bulk.create(newId(), kept, meant(request, caller), requester, key);
    switch (submission.kind) {
      case 'created':
        this.runner.wake();
        return submission.operation;
      case 'replayed':
        return this.get(submission.id, caller);
      case 'other-request':
        throw usedIdempotencyKey();
      default:
        throw new Error(`unknown submission ${String(submission satisfies never)}`);
    }
  }

  /** How many jobs it would look at. */
  count(request: CreateBulk, caller: Caller): Promise<Counted> {
    return this.bulk.count(meant(request, caller), COUNT_WITHIN_MS);
  }

  /** @throws Problem not-found, also for an operation that the caller may not see */
  async get(id: string, caller: Caller): Promise<BulkOperation> {
    const operation = await this.bulk.get(id, visibleTo(caller));
    if (operation === undefined) throw new Problem('not-found', `There is no bulk operation with id ${id}.`);
    return operation;
  }

  list(before: string | undefined, limit: number, caller: Caller): Promise<BulkOperation[]> {
    return this.bulk.list(before, limit, visibleTo(caller));
  }

  /** @throws Problem conflict when it has ended */
  async cancel(id: string, caller: Caller): Promise<BulkOperation> {
    await this.get(id, caller);
    const cancelled = await this.bulk.cancel(id);
    if (cancelled !== undefined) return cancelled;
    const { state } = await this.get(id, caller);
    throw new Problem('conflict', `The bulk operation is ${state}; only one that runs can be stopped.`);
  }
}

function fingerprint(request: object): string {
  return createHash('sha256').update(JSON.stringify(request)).digest('base64');
}

/** Whose operations they see: those who are limited to some queues only their own. Null is everybody's. */
function visibleTo({ queuePatterns, keyId }: Caller): string | null {
  return queuePatterns === null ? null : keyId;
}

/** Without any filter a slip of the hand would mean everything. */
function meant({ filter, all }: CreateBulk, { queuePatterns }: Caller): JobFilter {
  const wanted = { ...filterOf(filter, 'filter.q'), queuePatterns };
  if (wanted.terms.length > 0 || all) return wanted;
  throw invalid('validation-failed', [
    { field: 'all', message: `must be true, or filter must say which jobs are meant` },
  ]);
}
