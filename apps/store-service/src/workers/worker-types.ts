/** Which job types belong to workers outside: announcing them, giving them back, and leasing none but those. */
import { Injectable } from '@nestjs/common';
import { JobTypeRepository, type AnnouncedType, type JobType } from '#common/database/job-type.repository.js';
import { Notifier } from '#common/database/notifications.js';
import { JobTypes } from '../jobs/job-types.js';
import { compilePayloadSchema } from '#common/payload/payload-schema.js';
import { withinBudget } from '#common/payload/within-budget.js';
import { Problem } from '../http/problem.js';
import { invalid } from '../http/validation.js';

/** How long it may take to understand a schema, in milliseconds. One of 256 KiB takes a second. */
const COMPILE_BUDGET_MS = 5000;

@Injectable()
export class WorkerTypes {
  constructor(
    private readonly repository: JobTypeRepository,
    private readonly types: JobTypes,
    private readonly notifier: Notifier,
  ) {}

  list(): Promise<AnnouncedType[]> {
    return this.repository.list();
  }

  /**
   * @returns whether the type was not theirs before
   * @throws Problem when the schema is none, or conflict when executors run the type
   */
  async announce(type: JobType): Promise<boolean> {
    try {
      withinBudget(COMPILE_BUDGET_MS, () => compilePayloadSchema(type.payloadSchema));
    } catch (error) {
      const message = `is no JSON Schema that can be used: ${error instanceof Error ? error.message : String(error)}`;
      throw invalid('validation-failed', [{ field: 'payloadSchema', message }]);
    }
    const announced = await this.repository.announceRemote(type);
    if (announced === 'executors') throw runByExecutors([type.type]);
    await this.#changed();
    return announced.isNew;
  }

  /** @returns what it was. @throws Problem when it is not a type of theirs */
  async forget(type: string): Promise<AnnouncedType> {
    const forgotten = await this.repository.forgetRemote(type);
    if (forgotten === undefined)
      throw new Problem('not-found', `No type named ${type} has been announced for workers.`);
    await this.#changed();
    return forgotten;
  }

  /** @throws Problem when a type has not been announced, or conflict when executors run it */
  async checkLeasable(types: readonly string[]): Promise<void> {
    const isTheirs = (type: string) => this.types.remote.includes(type);
    if (types.every(isTheirs)) return;
    // Perhaps another store has been told of it a moment ago.
    await this.types.refresh();
    const others = types.filter((type) => !isTheirs(type));
    const executors = others.filter((type) => this.types.known.includes(type));
    if (executors.length > 0) throw runByExecutors(executors);
    if (others.length > 0) {
      const allowed = this.types.remote;
      const there = allowed.length === 0 ? 'there are none yet' : `there are ${allowed.join(', ')}`;
      const message = `${others.join(', ')}: not announced with PUT /api/v1/types/{type}; ${there}`;
      throw invalid('validation-failed', [{ field: 'types', message, allowed }]);
    }
  }

  async #changed(): Promise<void> {
    await this.types.refresh();
    this.notifier.send('types');
  }
}

function runByExecutors(types: readonly string[]): Problem {
  return new Problem(
    'conflict',
    `Executors run ${types.join(', ')}. A type belongs to executors or to workers; choose another name, or stop those executors first.`,
    [{ field: 'type', message: 'is run by executors' }],
  );
}
