/** Workflows for tests of the SQL: made from a few words, run through the protocol's own steps. */
import { v7 as uuidv7 } from 'uuid';
import type { Fence } from '#common/database/leader-epochs.js';
import type { FinishResult, RunRepository } from '#common/database/run.repository.js';
import { WorkflowRepository, type Workflow } from '#common/database/workflow.repository.js';
import { WorkflowUpkeepRepository } from '#common/database/workflow-upkeep.repository.js';
import type { Job, Json, NewJob, StartedJob } from '#common/domain/job.js';
import { decide, type Outcome } from '#common/domain/outcome.js';
import type { OnDependencyFailure } from '#common/domain/workflow.js';
import { uniqueName } from '../../support/environment.js';
import { GRACE_MS, newJob, type TestStore } from './database.js';

/** `{ b: 'a', c: 'a b!run' }`: c depends on a, and on b with the policy run. Jobs stand after those they depend on. */
export type Plan = Readonly<Record<string, string>>;

export const succeeded = (result: Json = null): Outcome => ({ kind: 'succeeded', result });
export const died: Outcome = {
  kind: 'failed',
  final: true,
  error: { name: 'Test', message: 'as the test wanted it' },
};

export class TestWorkflow {
  readonly #ids: ReadonlyMap<string, string>;
  readonly #running = new Map<string, StartedJob>();

  private constructor(
    readonly world: WorkflowWorld,
    readonly id: string,
    readonly queue: string,
    ids: readonly (readonly [string, string])[],
  ) {
    this.#ids = new Map(ids);
  }

  static async make(world: WorkflowWorld, plan: Plan, changes: Partial<NewJob> = {}): Promise<TestWorkflow> {
    const names = Object.keys(plan);
    const queue = uniqueName('queue');
    const jobs = names.map((name) => newJob({ ...changes, name, queue }));
    const dependencies = names.flatMap((name, child) =>
      (plan[name] ?? '')
        .split(' ')
        .filter(Boolean)
        .map((word) => {
          const [parent = '', onFailure = 'cancel'] = word.split('!');
          return { parent: names.indexOf(parent), child, onFailure: onFailure as OnDependencyFailure };
        }),
    );
    const id = uuidv7();
    await world.workflows.insert({ id, name: null, jobs, dependencies }, undefined);
    return new TestWorkflow(
      world,
      id,
      queue,
      jobs.map((job, index) => [names[index] ?? '', job.id] as const),
    );
  }

  idOf(name: string): string {
    const id = this.#ids.get(name);
    if (id === undefined) throw new Error(`there is no job ${name}`);
    return id;
  }

  job(name: string): Promise<Job> {
    return this.world.store.job(this.idOf(name));
  }

  async workflow(): Promise<Workflow> {
    const workflow = await this.world.workflows.get(this.id);
    if (workflow === undefined) throw new Error('the workflow is gone');
    return workflow;
  }

  /** Claims and starts all that is due. @returns the names of what was started */
  async start(): Promise<string[]> {
    const { store, leader, executor } = this.world;
    const claimed = await store.claim(leader, { [this.queue]: this.#ids.size });
    if (claimed === 'fenced') throw new Error('the leader is fenced');
    const jobs = await store.runs.start(
      executor,
      claimed.map(({ id, delivery }) => ({ jobId: id, delivery })),
      GRACE_MS,
    );
    const started: string[] = [];
    for (const job of jobs) {
      if (job === 'stale') continue;
      const name = [...this.#ids].find(([, id]) => id === job.id)?.[0] ?? '';
      this.#running.set(name, job);
      started.push(name);
    }
    return started.toSorted();
  }

  /** Ends jobs that were started, all by one statement. */
  finish(
    outcomes: Readonly<Record<string, Outcome>>,
    runs: RunRepository = this.world.store.runs,
  ): Promise<FinishResult[]> {
    return runs.finish(
      Object.entries(outcomes).map(([name, outcome]) => {
        const job = this.started(name);
        return {
          jobId: job.id,
          delivery: job.delivery,
          attempt: job.attempt,
          executorId: this.world.executor,
          decision: decide(job, outcome, 0),
          output: [],
        };
      }),
    );
  }

  started(name: string): StartedJob {
    const job = this.#running.get(name);
    if (job === undefined) throw new Error(`${name} was not started`);
    return job;
  }

  /** `a:succeeded b:scheduled c:blocked`; a job that is held until a person has looked is `held`. */
  async states(): Promise<string> {
    const jobs = await Promise.all([...this.#ids.keys()].map((name) => this.job(name)));
    return jobs
      .map(({ name, state, error }) => `${name}:${state === 'blocked' && error !== null ? 'held' : state}`)
      .join(' ');
  }
}

/** A database with a leader and an executor in it. */
export class WorkflowWorld {
  readonly workflows: WorkflowRepository;
  readonly upkeep: WorkflowUpkeepRepository;

  private constructor(
    readonly store: TestStore,
    readonly leader: Fence,
    readonly executor: string,
  ) {
    this.workflows = new WorkflowRepository(store.prisma);
    this.upkeep = new WorkflowUpkeepRepository(store.prisma, store.epochs);
  }

  static async in(store: TestStore): Promise<WorkflowWorld> {
    return new WorkflowWorld(store, await store.lead(), await store.executor());
  }

  make(plan: Plan, changes?: Partial<NewJob>): Promise<TestWorkflow> {
    return TestWorkflow.make(this, plan, changes);
  }

  /** What the leader does until there is nothing left to do. @returns how many jobs it settled */
  async settle(): Promise<number> {
    let all = 0;
    for (;;) {
      const step = await this.upkeep.settle(this.leader, 500);
      if (step === 'fenced') throw new Error('the leader is fenced');
      if (step.settled === 0) return all;
      all += step.settled;
    }
  }
}
