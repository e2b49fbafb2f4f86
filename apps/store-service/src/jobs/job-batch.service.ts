/** Submits many jobs at once. Each is judged by itself, unless all or none are wanted. */
import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { DatabaseUnavailableError } from '#common/database/database-errors.js';
import type { Job, JobState } from '#common/domain/job.js';
import type { Caller } from '../access/caller.js';
import { parsedLine, type Line } from '../http/ndjson.js';
import { toProblem } from '../http/problem.filter.js';
import { Problem, type FieldProblem, type ProblemKind } from '../http/problem.js';
import { checked, invalid } from '../http/validation.js';
import { createJobSchema, type CreateJob } from './job.schemas.js';
import { JobService, keyOfItem } from './job.service.js';

/** Jobs that are looked at before other requests have their turn. */
const CHECKED_AT_ONCE = 500;
/**
 * Pieces of a body that are being stored while more of it is read. A sender of single lines has one in each: together they
 * share statements, one after the other each would wait for a commit of its own.
 */
const PIECES_UNDER_WAY = 100;

export interface BatchOptions {
  /** Store all or none. */
  readonly atomic: boolean;
  /** A repetition with the same key and jobs makes no second ones. */
  readonly idempotencyKey: string | undefined;
  readonly caller: Caller;
}

/** Some of the jobs of a batch, one after the other. */
interface Part extends Omit<BatchOptions, 'atomic'> {
  /** Place of the first of them in the batch. */
  readonly first: number;
}

/** What became of one job of the batch. */
export type BatchResult =
  | { readonly index: number; readonly id: string; readonly state: JobState; readonly created: boolean }
  | { readonly index: number; readonly error: BatchError };

export interface BatchError {
  readonly kind: ProblemKind;
  readonly detail: string;
  readonly errors: readonly FieldProblem[];
}

@Injectable()
export class JobBatchService {
  constructor(private readonly jobs: JobService) {}

  /**
   * @param items what the client sent for each job
   * @returns one result for each, in their order
   * @throws Problem when all or none are wanted and one is not accepted; DatabaseUnavailableError when none is known to be stored
   */
  submit(
    items: readonly unknown[],
    { atomic, idempotencyKey, caller }: BatchOptions,
  ): Promise<BatchResult[]> {
    return atomic
      ? this.#submitTogether(items, idempotencyKey, caller)
      : this.#submitEach(items, (item) => item, { first: 0, idempotencyKey, caller });
  }

  /**
   * Submits lines while they come, each by itself.
   * @returns the results of some lines, in their order, as soon as they are known
   * @throws Problem as the lines do, and DatabaseUnavailableError as `submit` does; what was told before stays so
   */
  async *submitArriving(
    arriving: AsyncIterable<readonly Line[]>,
    options: Omit<BatchOptions, 'atomic'>,
  ): AsyncGenerator<BatchResult[], void> {
    let next = 0;
    const submit = (lines: readonly Line[]) => {
      const first = next;
      next += lines.length;
      return this.#submitEach(lines, parsedLine, { first, ...options });
    };
    yield* Readable.from(arriving).map(submit, {
      concurrency: PIECES_UNDER_WAY,
    }) as AsyncIterable<BatchResult[]>;
  }

  async #submitTogether(
    items: readonly unknown[],
    key: string | undefined,
    caller: Caller,
  ): Promise<BatchResult[]> {
    const requests: CreateJob[] = [];
    const errors: FieldProblem[] = [];
    for (const [index, item] of items.entries()) {
      await giveWay(index);
      try {
        requests.push(this.#check(item, caller));
      } catch (error) {
        if (!(error instanceof Problem) || error.errors.length === 0) throw error;
        if (error.kind === 'forbidden') throw error.about(`jobs.${index}`);
        for (const { field, ...rest } of error.errors)
          errors.push({ field: `jobs.${index}${field === '' ? '' : `.${field}`}`, ...rest });
      }
    }
    if (errors.length > 0) throw invalid('validation-failed', errors.slice(0, MAX_ERRORS));
    const submitted = await this.jobs.submitTogether(requests, key, caller);
    return submitted.map(({ job, created }, index) => accepted(index, job, created));
  }

  #check(item: unknown, caller: Caller): CreateJob {
    const request = checked(createJobSchema, item, 'validation-failed');
    this.jobs.check(request, caller);
    if (request.uniqueKey == null) return request;
    const message = 'has no place in a batch of which all jobs or none are stored';
    throw invalid('validation-failed', [{ field: 'uniqueKey', message }]);
  }

  async #submitEach<Item>(
    items: readonly Item[],
    read: (item: Item) => unknown,
    { first, idempotencyKey: key, caller }: Part,
  ): Promise<BatchResult[]> {
    const results: Promise<BatchResult | DatabaseUnavailableError>[] = [];
    const submit = async (item: Item, index: number) =>
      this.jobs.submit(
        checked(createJobSchema, read(item), 'validation-failed'),
        key === undefined ? undefined : keyOfItem(key, index),
        caller,
      );
    for (const [nth, item] of items.entries()) {
      await giveWay(nth);
      const index = first + nth;
      results.push(
        submit(item, index).then(
          ({ job, created }) => accepted(index, job, created),
          (error: unknown) => (error instanceof DatabaseUnavailableError ? error : refused(index, error)),
        ),
      );
    }
    const settled = await Promise.all(results);
    const outage = settled.find((result) => result instanceof DatabaseUnavailableError);
    if (outage !== undefined && !settled.some((result) => 'id' in result)) throw outage;
    return settled.map((result, nth) =>
      result instanceof DatabaseUnavailableError ? refused(first + nth, result) : result,
    );
  }
}

/** No answer lists more fields than this. */
export const MAX_ERRORS = 50;

/** Lets other requests have their turn now and then. @param index of the job that is looked at */
export async function giveWay(index: number): Promise<void> {
  if (index % CHECKED_AT_ONCE === CHECKED_AT_ONCE - 1) await new Promise(setImmediate);
}

function accepted(index: number, { id, state }: Job, created: boolean): BatchResult {
  return { index, id, state, created };
}

function refused(index: number, error: unknown): BatchResult {
  const { kind, detail, errors } = toProblem(error);
  return { index, error: { kind, detail, errors } };
}
