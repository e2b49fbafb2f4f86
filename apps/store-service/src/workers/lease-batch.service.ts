/** Many calls of a worker in one request. Each is judged by itself. */
import { Injectable } from '@nestjs/common';
import { DatabaseUnavailableError } from '#common/database/database-errors.js';
import { toProblem } from '../http/problem.filter.js';
import { checked } from '../http/validation.js';
import { leaseActionSchemas, leaseBatchItemSchema, type LeaseAction } from './lease.schemas.js';
import { LeaseService } from './lease.service.js';
import type { LeaseAnswer, LeaseBatchResult } from './lease.views.js';

type Judged = LeaseAnswer | { readonly failure: unknown };

@Injectable()
export class LeaseBatchService {
  constructor(private readonly service: LeaseService) {}

  /**
   * @param items what the client sent for each call
   * @returns one result for each, in their order
   * @throws DatabaseUnavailableError when none is known to have had an effect
   */
  async act(items: readonly unknown[]): Promise<LeaseBatchResult[]> {
    const latest = new Map<string, Promise<Judged>>();
    const judge = async (item: unknown): Promise<Judged> => {
      const { jobId, action } = readLeaseItem(item);
      // What is said about one job has an order.
      const before = latest.get(jobId);
      const result = (before ?? Promise.resolve()).then(() => this.service.act(jobId, action)).catch(failed);
      latest.set(jobId, result);
      return result;
    };
    const judged = await Promise.all(items.map((item) => judge(item).catch(failed)));
    const outage = judged.find(
      (each) => 'failure' in each && each.failure instanceof DatabaseUnavailableError,
    );
    if (outage !== undefined && 'failure' in outage && !judged.some((each) => 'jobId' in each))
      throw outage.failure;
    return judged.map((each, index) =>
      'failure' in each ? { index, error: describe(each.failure) } : { index, ...each },
    );
  }
}

function failed(failure: unknown): Judged {
  return { failure };
}

/** A call of a worker, from what it sent. @throws Problem that names what does not fit */
export function readLeaseItem(item: unknown): { jobId: string; action: LeaseAction } {
  const { action, jobId, ...body } = checked(leaseBatchItemSchema, item, 'validation-failed');
  // The body fits the schema that the action names.
  const checkedBody = checked(leaseActionSchemas[action], body, 'validation-failed');
  return { jobId, action: { action, ...checkedBody } as LeaseAction };
}

function describe(failure: unknown) {
  const { kind, detail, errors } = toProblem(failure);
  return { kind, detail, errors };
}
