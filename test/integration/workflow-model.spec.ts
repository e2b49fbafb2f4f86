/**
 * Random workflows with random ends, in random batches of which several are under way at once, while the leader settles
 * what is left a few at a time. What each job comes to in Postgres must be what a function of the graph alone says; then the
 * workflow is retried, and every job must succeed, without a second run of those that had. WORKFLOW_RUNS sets how many,
 * WORKFLOW_SEED which.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobState } from '#common/domain/job.js';
import { ON_DEPENDENCY_FAILURE, type OnDependencyFailure } from '#common/domain/workflow.js';
import { TestStore } from './support/database.js';
import { died, succeeded, WorkflowWorld, type TestWorkflow } from './support/workflow.js';

const RUNS = Number(process.env['WORKFLOW_RUNS'] ?? 120);
const SEED = Number(process.env['WORKFLOW_SEED'] ?? Date.now() % 1_000_000);
const LANES = 4;

interface JobPlan {
  /** Parents by number, all of them smaller than the job's own. */
  readonly parents: ReadonlyMap<number, OnDependencyFailure>;
  /** How its run ends, if it comes to one; `early`: a person cancels it before anything has run. */
  readonly end: 'succeeded' | 'dead' | 'early';
}

type Final = JobState | 'held';

const plan: fc.Arbitrary<readonly JobPlan[]> = fc.integer({ min: 2, max: 9 }).chain((size) =>
  fc.tuple(
    ...Array.from({ length: size }, (_, job) =>
      fc.record({
        parents: fc
          .uniqueArray(fc.tuple(fc.nat(Math.max(job - 1, 0)), fc.constantFrom(...ON_DEPENDENCY_FAILURE)), {
            maxLength: job === 0 ? 0 : 4,
            selector: ([parent]) => parent,
          })
          .map((pairs) => new Map(pairs)),
        end: fc.oneof(
          { weight: 5, arbitrary: fc.constant('succeeded' as const) },
          { weight: 2, arbitrary: fc.constant('dead' as const) },
          { weight: 1, arbitrary: fc.constant('early' as const) },
        ),
      }),
    ),
  ),
);
/** Which of the running jobs end next, and in how many batches at the same time. */
const turns = fc.infiniteStream(
  fc.record({ share: fc.double({ min: 0.2, max: 1, noNaN: true }), lanes: fc.integer({ min: 1, max: 3 }) }),
);

/** What each job comes to, said without any order of events. */
function oracle(jobs: readonly JobPlan[]): Final[] {
  const finals: Final[] = [];
  for (const { parents, end } of jobs) {
    const fates = [...parents].map(([parent, policy]) => {
      const state = finals[parent] ?? 'blocked';
      if (state === 'blocked' || state === 'held') return 'waits';
      return state === 'succeeded' || policy === 'run' ? 'met' : policy;
    });
    if (end === 'early' || fates.includes('cancel')) finals.push('cancelled');
    else if (fates.includes('hold')) finals.push('held');
    else finals.push(fates.includes('waits') ? 'blocked' : end);
  }
  return finals;
}

const nameOf = (job: number) => `j${job}`;

class Driver {
  /** How often each job was started. */
  readonly starts: number[];
  readonly #running = new Set<number>();

  constructor(
    private readonly world: WorkflowWorld,
    private readonly flow: TestWorkflow,
    private readonly jobs: readonly JobPlan[],
    private readonly turn: () => { share: number; lanes: number },
  ) {
    this.starts = jobs.map(() => 0);
  }

  /** Runs what is due until nothing goes on by itself. @param end how the run of a job ends */
  async runOut(end: (job: number) => 'succeeded' | 'dead'): Promise<void> {
    for (;;) {
      const started = (await this.flow.start()).map((name) => Number(name.slice(1)));
      for (const job of started) {
        this.starts[job] = (this.starts[job] ?? 0) + 1;
        this.#running.add(job);
        await this.#checkStart(job);
      }
      if (this.#running.size === 0) {
        const step = await this.world.upkeep.settle(this.world.leader, 2);
        if (step === 'fenced') throw new Error('fenced');
        if (step.settled === 0 && started.length === 0 && (await this.#isQuiet())) return;
      } else {
        await this.#endSome(end);
      }
    }
  }

  /** Nothing is left to settle (another lane may be doing that just now), and nothing is due. */
  async #isQuiet(): Promise<boolean> {
    const unsettled = await this.world.store.prisma.query<object>(
      `SELECT 1 AS one FROM jobs WHERE workflow_id = $1::uuid AND unsettled_since IS NOT NULL`,
      this.flow.id,
    );
    return unsettled.length === 0 && (await this.flow.workflow()).state !== 'running';
  }

  /** Whatever it waited for has ended, as its rules want it. */
  async #checkStart(job: number): Promise<void> {
    for (const [parent, policy] of this.jobs[job]?.parents ?? []) {
      const { state } = await this.flow.job(nameOf(parent));
      const allowed = policy === 'run' ? ['succeeded', 'dead', 'cancelled'] : ['succeeded'];
      assert.ok(allowed.includes(state), `job ${job} started while job ${parent} was ${state}`);
    }
  }

  async #endSome(end: (job: number) => 'succeeded' | 'dead'): Promise<void> {
    const { share, lanes } = this.turn();
    const ending = [...this.#running].slice(0, Math.ceil(this.#running.size * share));
    const batches = Array.from({ length: lanes }, (_, lane) => ending.filter((job) => job % lanes === lane));
    await Promise.all(
      batches
        .filter((batch) => batch.length > 0)
        .map(async (batch) => {
          // Backwards, so that nothing depends on the order in which parents are named.
          const outcomes = batch
            .reverse()
            .map((job) => [nameOf(job), end(job) === 'dead' ? died : succeeded(job)] as const);
          await this.flow.finish(Object.fromEntries(outcomes));
          for (const job of batch) this.#running.delete(job);
        }),
    );
  }
}

let store: TestStore;
let world: WorkflowWorld;
beforeAll(async () => {
  store = await TestStore.open();
  world = await WorkflowWorld.in(store);
});
afterAll(() => store.close());

test(
  `Postgres and the graph agree on ${RUNS} random workflows, and a retry lets each succeed (seed ${SEED})`,
  { timeout: 60_000 + RUNS * 1000 },
  async () => {
    let retried = 0;
    const property = fc.asyncProperty(plan, turns, async (jobs, choices) => {
      const flow = await world.make(
        Object.fromEntries(
          jobs.map(({ parents }, job) => [
            nameOf(job),
            [...parents].map(([parent, policy]) => `${nameOf(parent)}!${policy}`).join(' '),
          ]),
        ),
      );
      const driver = new Driver(
        world,
        flow,
        jobs,
        () => choices.next().value as { share: number; lanes: number },
      );
      for (const [job, { end }] of jobs.entries())
        if (end === 'early') await store.jobs.cancel(flow.idOf(nameOf(job)));
      await driver.runOut((job) => (jobs[job]?.end === 'dead' ? 'dead' : 'succeeded'));

      const finals = oracle(jobs);
      expect(await flow.states()).toBe(finals.map((state, job) => `${nameOf(job)}:${state}`).join(' '));
      expect(driver.starts).toEqual(
        finals.map((state) => (state === 'succeeded' || state === 'dead' ? 1 : 0)),
      );

      const { state, version } = await flow.workflow();
      if (finals.every((final) => final === 'succeeded')) {
        expect(state).toBe('succeeded');
        return;
      }
      const before = [...driver.starts];
      expect(await world.workflows.retry(flow.id, version, 1)).not.toBe('refused');
      await driver.runOut(() => 'succeeded');
      expect(await flow.workflow()).toMatchObject({ state: 'succeeded', counts: { succeeded: jobs.length } });
      expect(driver.starts).toEqual(
        before.map((starts, job) => starts + (finals[job] === 'succeeded' ? 0 : 1)),
      );
      retried += 1;
    });
    await Promise.all(
      Array.from({ length: LANES }, (_, lane) =>
        fc.assert(property, { seed: SEED + lane, numRuns: Math.ceil(RUNS / LANES) }),
      ),
    );
    // Workflows in which nothing failed would prove little.
    expect(retried).toBeGreaterThan(RUNS / 4);
  },
);
