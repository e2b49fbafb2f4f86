/** The real protocol on Postgres, for a handful of jobs of one random sequence, with a clock that the test turns. */
import assert from 'node:assert/strict';
import { v7 as uuidv7 } from 'uuid';
import type { Fence } from '#common/database/leader-epochs.js';
import type { LostAttempt } from '#common/database/run.repository.js';
import { canFollow, END_STATES, type JobState, type StartedJob } from '#common/domain/job.js';
import { uniqueName } from '../../support/environment.js';
import { LONG_AGO, type TestStore } from './database.js';
import type { Issued, JobPlan, Model, Run } from './protocol-model.js';

const HOUR_MS = 3_600_000;

interface Row {
  readonly id: string;
  readonly state: JobState;
  readonly attempt: number;
  readonly delivery: number;
  readonly executor: string | null;
  readonly cancelRequested: boolean;
  readonly finished: boolean;
}

const READ_JOBS = `/* read_jobs */
SELECT id, state, attempt, delivery, executor_id AS executor, cancel_requested_at IS NOT NULL AS "cancelRequested",
  finished_at IS NOT NULL AS finished
FROM jobs WHERE id = ANY ($1::uuid[]) ORDER BY id`;

export class System {
  readonly queue = uniqueName('queue');
  readonly election = uniqueName('election');
  readonly executors: readonly string[] = [uuidv7(), uuidv7(), uuidv7()];
  /** What each accepted start returned. */
  readonly started = new Map<Run, StartedJob>();
  seen: LostAttempt[] = [];
  readonly ids: string[];
  #last: readonly Row[] = [];

  private constructor(
    readonly store: TestStore,
    readonly plans: readonly JobPlan[],
  ) {
    this.ids = plans.map(() => uuidv7());
  }

  static async open(store: TestStore, plans: readonly JobPlan[]): Promise<System> {
    const system = new System(store, plans);
    const { queue, election, ids, executors } = system;
    await Promise.all([
      store.epochs.seize(election, 1n, 'A'),
      ...executors.map((_, index) => system.renewLease(index)),
      ...plans.map((plan, index) =>
        store.submit({ ...plan, id: ids[index] ?? '', queue, runAt: new Date(LONG_AGO.getTime() + index) }),
      ),
    ]);
    system.#last = await system.#read();
    return system;
  }

  fence(epoch: number): Fence {
    return { election: this.election, epoch: BigInt(epoch) };
  }

  deliveries(issued: readonly Issued[]): { jobId: string; delivery: number }[] {
    return issued.map(({ job, delivery }) => ({ jobId: this.id(job), delivery }));
  }

  id(job: number): string {
    return this.ids[job] ?? '';
  }

  executor(index: number): string {
    return this.executors[index] ?? '';
  }

  async renewLease(index: number): Promise<void> {
    const id = this.executor(index);
    await this.store.executors.register(
      { id, instance: id, host: 'here', pid: 1, slots: 1, queues: [], types: [] },
      HOUR_MS,
    );
  }

  async expireLease(index: number): Promise<void> {
    await this.store.turnClock('executors', this.executor(index), `lease_until = now() - interval '1 s'`);
  }

  async passDeadline(job: number): Promise<void> {
    await this.store.turnClock('jobs', this.id(job), `deadline = now() - interval '1 s'`);
  }

  async passExpiry(job: number): Promise<void> {
    await this.store.turnClock('jobs', this.id(job), `expires_at = now() - interval '1 s'`);
  }

  /** Makes a job due so many milliseconds after long ago, or in an hour. */
  async setDue(job: number, tick: number | undefined): Promise<void> {
    const set =
      tick === undefined
        ? `run_at = now() + interval '1 h'`
        : `run_at = timestamptz '${new Date(LONG_AGO.getTime() + tick).toISOString()}'`;
    await this.store.turnClock('jobs', this.id(job), set);
  }

  /** Puts jobs back to what they were before claims and starts that a crash undid; the model knows what that was. */
  async forget(model: Model, jobs: readonly number[]): Promise<void> {
    for (const job of new Set(jobs)) {
      const { state, attempt, delivery, hasStarted } = model.job(job);
      await this.store.turnClock(
        'jobs',
        this.id(job),
        `state = '${state}', attempt = ${attempt}, delivery = ${delivery}, deadline = NULL,
         queued_at = ${state === 'queued' ? 'now()' : 'NULL'}, started_at = ${hasStarted ? 'started_at' : 'NULL'}`,
      );
    }
    this.#last = await this.#read();
  }

  /**
   * Holds the rows against the model, and against what must be true whatever the model says: only legal transitions,
   * fencing tokens that grow by one, attempts within their limit, nothing after a final end.
   */
  async compare(model: Model): Promise<void> {
    const rows = await this.#read();
    assert.deepEqual(
      rows.map(({ state, attempt, delivery }) => ({ state, attempt, delivery })),
      model.jobs.map(({ state, attempt, delivery }) => ({ state, attempt, delivery })),
    );
    for (const [index, row] of rows.entries()) {
      const { run, cancelRequested, maxAttempts } = model.job(index);
      if (run !== undefined) assert.equal(row.executor, this.executor(run.executor));
      assert.equal(row.cancelRequested, cancelRequested);
      assert.equal(row.finished, (END_STATES as readonly JobState[]).includes(row.state));
      assert.ok(row.attempt <= maxAttempts, 'more attempts than allowed');
      checkStep(this.#last[index] ?? row, row);
    }
    this.#last = rows;
  }

  /** Attempts that ended without ending their job, for each job. */
  async history(): Promise<number[][]> {
    const earlier = await Promise.all(this.ids.map((id) => this.store.jobs.earlierAttempts(id)));
    return earlier.map((attempts) => attempts.map(({ attempt }) => attempt));
  }

  async close(): Promise<void> {
    await this.store.prisma.query(
      `/* close_system */ DELETE FROM executors WHERE id = ANY ($1::uuid[])`,
      this.executors,
    );
  }

  /** Ids are ascending, so the rows come in the order of the plans. */
  #read(): Promise<Row[]> {
    return this.store.prisma.query<Row>(READ_JOBS, this.ids);
  }
}

function checkStep(before: Row, after: Row): void {
  const step = `${before.state} -> ${after.state}`;
  assert.ok(before.state === after.state || canFollow(before.state, after.state), `${step} is not legal`);

  const isHandOver = step === 'scheduled -> queued';
  assert.equal(after.delivery - before.delivery, isHandOver ? 1 : 0, `delivery after ${step}`);

  const isStart = step === 'queued -> running';
  const isHandBack = step === 'running -> scheduled' || step === 'running -> cancelled';
  const possible = isStart ? [1] : isHandBack ? [0, -1] : [0];
  assert.ok(possible.includes(after.attempt - before.attempt), `attempt after ${step}`);
}
