/** Queues: their names, settings and counts. A queue comes into being with settings, or when the first job is submitted to it. */
import { Injectable } from '@nestjs/common';
import type { JobState } from '#common/domain/job.js';
import type { DrainPolicy, QueueSettings } from '#common/domain/queue.js';
import { Notifier } from './notifications.js';
import { PrismaService } from './prisma.service.js';
import {
  CHANGE_QUEUE,
  COUNT_JOBS,
  CREATE_QUEUE,
  DELETE_QUEUE,
  ENSURE_QUEUE,
  FIND_FORGOTTEN_QUEUES,
  GET_QUEUE,
  IS_KEYED,
  LIST_QUEUES,
  PAUSE_QUEUE,
  SET_KEYED,
  SETTLE_QUEUE,
} from './queue-statements.js';

export interface Queue extends QueueSettings {
  readonly name: string;
  readonly paused: boolean;
  /** Bumped by each change that a person makes. */
  readonly version: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

type QueueRow = Omit<Queue, 'rateLimit'> & {
  readonly rateLimit: number | null;
  readonly rateIntervalMs: number | null;
};

/** Jobs of a queue by state, up to COUNTED of each; a state of which there are none is missing. */
export type JobCounts = Readonly<Partial<Record<JobState, number>>>;

@Injectable()
export class QueueRepository {
  readonly #known = new Set<string>();
  readonly #keyed = new Set<string>();

  constructor(
    private readonly prisma: PrismaService,
    private readonly notifier: Notifier,
  ) {}

  /**
   * Makes sure that the queue exists; only the first call for a name in this process asks the database.
   * @param keyed that its leader expects jobs with keys; to be called before one is stored
   */
  async ensure(name: string, keyed = false): Promise<void> {
    if (keyed) return this.#ensureKeyed(name);
    if (this.#known.has(name)) return;
    const created = await this.prisma.query<object>(ENSURE_QUEUE, name);
    this.#known.add(name);
    if (created.length > 0) this.notifier.send('queues');
  }

  async #ensureKeyed(name: string): Promise<void> {
    if (this.#keyed.has(name)) return;
    if ((await this.prisma.query<object>(IS_KEYED, name)).length === 0) {
      await this.prisma.query<object>(SET_KEYED, [name]);
      this.notifier.send('queues');
    }
    this.#known.add(name);
    this.#keyed.add(name);
  }

  /** Asks the database again, for each name: a queue may have been deleted. */
  forgetNames(): void {
    this.#known.clear();
    this.#keyed.clear();
  }

  /** All queues, and who drains each. */
  drainPolicies(): Promise<{ name: string; drain: DrainPolicy }[]> {
    return this.prisma.query(`/* drain_policies */ SELECT name, drain FROM queues ORDER BY name`);
  }

  async get(name: string): Promise<Queue | undefined> {
    const [row] = await this.prisma.query<QueueRow>(GET_QUEUE, name);
    return row && toQueue(row);
  }

  /**
   * By name.
   * @param afterName where to go on
   * @param patterns operands of LIKE, one of which the name must fit; null is no limit
   */
  async list(
    afterName: string | undefined,
    limit: number,
    patterns: readonly string[] | null,
  ): Promise<Queue[]> {
    const rows = await this.prisma.query<QueueRow>(LIST_QUEUES, afterName ?? null, limit, patterns);
    return rows.map(toQueue);
  }

  async counts(names: readonly string[]): Promise<(name: string) => JobCounts> {
    const counts = new Map<string, Partial<Record<JobState, number>>>(names.map((name) => [name, {}]));
    const rows = await this.prisma.query<{ queue: string; state: JobState; count: number }>(
      COUNT_JOBS,
      names,
    );
    for (const { queue, state, count } of rows) {
      const known = counts.get(queue);
      if (known !== undefined) known[state] = count;
    }
    return (name) => counts.get(name) ?? {};
  }

  /** @returns 'taken' when there is such a queue already */
  async create(name: string, settings: QueueSettings): Promise<Queue | 'taken'> {
    const [row] = await this.prisma.query<QueueRow>(CREATE_QUEUE, name, ...settingsColumns(settings));
    if (row === undefined) return 'taken';
    this.notifier.send('queues');
    return toQueue(row);
  }

  /**
   * Gives a queue other settings. When it resolves they are in force, also for what had been handed over before.
   * @returns 'stale' when it was changed or deleted since it was looked at
   */
  async change({ name, version }: Queue, settings: QueueSettings): Promise<Queue | 'stale'> {
    const [row] = await this.prisma.query<QueueRow>(
      CHANGE_QUEUE,
      name,
      ...settingsColumns(settings),
      version,
    );
    if (row === undefined) return 'stale';
    await this.settle(name);
    this.notifier.send('queues');
    return toQueue(row);
  }

  /**
   * When it resolves after a pause, nothing of the queue starts any more: what had been handed over is taken back.
   * @returns undefined when there is no such queue
   */
  async setPaused(name: string, paused: boolean): Promise<Queue | undefined> {
    const [row] = await this.prisma.query<QueueRow>(PAUSE_QUEUE, name, paused);
    if (row === undefined) return this.get(name);
    await this.settle(name);
    this.notifier.send('queues');
    return toQueue(row);
  }

  /**
   * Deals with what was in flight when the settings were changed. Whoever changed them does it; should that one die half-way,
   * the leader does. Does nothing when it has been done.
   */
  async settle(name: string): Promise<void> {
    for (;;) {
      const [step] = await this.prisma.query<{ settled: boolean }>(SETTLE_QUEUE, name);
      if (step === undefined || step.settled) return;
    }
  }

  /** Deletes a queue that has no scheduled, queued or running job. @param version only that one */
  async delete(name: string, version: number | undefined): Promise<Queue | undefined> {
    const [row] = await this.prisma.query<QueueRow>(DELETE_QUEUE, name, version ?? null);
    if (row === undefined) return undefined;
    this.forgetNames();
    this.notifier.send('queues');
    return toQueue(row);
  }

  /** Brings back queues that were deleted just when a job came in. @returns their names */
  async restoreForgotten(): Promise<string[]> {
    const found = await this.prisma.query<{ name: string; keyed: boolean }>(FIND_FORGOTTEN_QUEUES);
    for (const { name, keyed } of found) {
      this.#known.delete(name);
      this.#keyed.delete(name);
      await this.ensure(name, keyed);
    }
    return found.map(({ name }) => name);
  }
}

function settingsColumns({ concurrency, concurrencyPerKey, rateLimit, drain }: QueueSettings): unknown[] {
  return [concurrency, concurrencyPerKey, rateLimit?.limit ?? null, rateLimit?.intervalMs ?? null, drain];
}

function toQueue({ rateLimit, rateIntervalMs, ...row }: QueueRow): Queue {
  return {
    ...row,
    rateLimit:
      rateLimit === null || rateIntervalMs === null ? null : { limit: rateLimit, intervalMs: rateIntervalMs },
  };
}
