/** What can be done with bulk operations. */
import { Injectable } from '@nestjs/common';
import {
  BulkRepository,
  type BulkOperation,
  type Counted,
  type Requester,
} from '#common/database/bulk.repository.js';
import type { JobFilter } from '#common/database/job-conditions.js';
import type { Json } from '#common/domain/job.js';
import { newId } from '#common/runtime/new-id.js';
import { Problem } from '../http/problem.js';
import { invalid } from '../http/validation.js';
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

  /** @throws Problem when nothing says which jobs are meant, or the query is wrong */
  async create(request: CreateBulk, requester: Requester): Promise<BulkOperation> {
    const { dryRun: _dryRun, all: _all, ...wanted } = request;
    // As it was sent: what is undefined has no place in JSON.
    const kept = JSON.parse(JSON.stringify(wanted)) as typeof wanted & { filter: { [word: string]: Json } };
    const operation = await this.bulk.create(newId(), kept, meant(request), requester);
    this.runner.wake();
    return operation;
  }

  /** How many jobs it would look at. */
  count(request: CreateBulk): Promise<Counted> {
    return this.bulk.count(meant(request), COUNT_WITHIN_MS);
  }

  /** @throws Problem not-found */
  async get(id: string): Promise<BulkOperation> {
    const operation = await this.bulk.get(id, null);
    if (operation === undefined) throw new Problem('not-found', `There is no bulk operation with id ${id}.`);
    return operation;
  }

  list(before: string | undefined, limit: number): Promise<BulkOperation[]> {
    return this.bulk.list(before, limit, null);
  }

  /** @throws Problem conflict when it has ended */
  async cancel(id: string): Promise<BulkOperation> {
    const cancelled = await this.bulk.cancel(id);
    if (cancelled !== undefined) return cancelled;
    const { state } = await this.get(id);
    throw new Problem('conflict', `The bulk operation is ${state}; only one that runs can be stopped.`);
  }
}

/** Without any filter a slip of the hand would mean everything. */
function meant({ filter, all }: CreateBulk): JobFilter {
  const wanted = filterOf(filter, 'filter.q');
  if (wanted.terms.length > 0 || all) return wanted;
  throw invalid('validation-failed', [
    { field: 'all', message: `must be true, or filter must say which jobs are meant` },
  ]);
}
