/**
 * The protocol T1 to T7 as a person would explain it, in plain memory: what each step may change, and what it answers.
 * It knows nothing of SQL and shares no code with the system, so that the two can be held against each other.
 */
import type { JobState, OnLost } from '#common/domain/job.js';

export interface JobPlan {
  readonly priority: number;
  readonly maxAttempts: number;
  readonly onLost: OnLost;
}

/** One accepted start. However often its job runs again, on the same executor too, this is another run. */
export interface Run {
  readonly job: number;
  readonly delivery: number;
  readonly executor: number;
  readonly attempt: number;
}

export interface Issued {
  readonly job: number;
  readonly delivery: number;
}

export interface ModelJob extends JobPlan {
  state: JobState;
  attempt: number;
  delivery: number;
  /** Order of becoming due, or undefined while it is not due. */
  dueAt: number | undefined;
  /** The run that holds the job. */
  run: Run | undefined;
  deadlinePassed: boolean;
  /** The time by which it should have started for the first time has passed. */
  expiryPassed: boolean;
  hasStarted: boolean;
  cancelRequested: boolean;
  /** Attempts that ended without ending the job. */
  readonly history: number[];
}

/** A claim or a start, which does not wait for the disk, and what undoes it. */
interface Unflushed {
  readonly job: number;
  readonly undo: () => void;
}

export const OUTCOMES = [
  'succeeded',
  'failed',
  'final',
  'timed_out',
  'snoozed',
  'interrupted',
  'cancelled',
] as const;
export type ModelOutcome = (typeof OUTCOMES)[number] | 'lost';

/** The one whose epoch stands, or the one before who has not noticed. */
export type Leader = 'leading' | 'deposed';

export type Lease = 'standing' | 'expired' | 'gone';

const ENDED: readonly JobState[] = ['succeeded', 'dead', 'cancelled', 'expired'];

/** Expiry is about the first start only. */
function hasExpired({ expiryPassed, hasStarted }: ModelJob): boolean {
  return expiryPassed && !hasStarted;
}

export class Model {
  readonly jobs: ModelJob[];
  readonly leases: Lease[] = ['standing', 'standing', 'standing'];
  /** Every delivery ever handed to the queue. One that is lost is never used; a repeated one is used again. */
  readonly issued: Issued[] = [];
  /** Every run ever begun, whether or not it still holds its job. */
  readonly runs: Run[] = [];
  /** What the leader of the executors saw when it last looked for lost attempts. */
  seen: { readonly run: Run; readonly executorAlive: boolean }[] = [];
  /** Claims and starts that are not on the disk yet, oldest first. */
  unflushed: Unflushed[] = [];
  /** Runs whose start a crash has undone. They go on all the same: only Postgres does not know of them. */
  readonly #forgotten: Run[] = [];
  /** The epoch that stands, and the one that the leader before still believes in. */
  epoch = 1;
  deposedEpoch = 0;
  #ticks: number;

  constructor(plans: readonly JobPlan[]) {
    this.#ticks = plans.length;
    this.jobs = plans.map((plan, index) => ({
      ...plan,
      state: 'scheduled',
      attempt: 0,
      delivery: 0,
      dueAt: index,
      run: undefined,
      deadlinePassed: false,
      expiryPassed: false,
      hasStarted: false,
      cancelRequested: false,
      history: [],
    }));
  }

  job(index: number): ModelJob {
    const job = this.jobs[index];
    if (job === undefined) throw new Error(`there is no job ${index}`);
    return job;
  }

  get hasEnded(): boolean {
    return this.jobs.every(({ state }) => ENDED.includes(state));
  }

  /** Another leader is elected; the one before does not know it yet. */
  elect(): void {
    this.deposedEpoch = this.epoch;
    this.epoch += 1;
  }

  claim(leader: Leader, room: number): Issued[] | 'fenced' {
    if (leader === 'deposed') return 'fenced';
    const due = this.jobs
      .map((job, index) => ({ ...job, index }))
      .filter((job) => job.state === 'scheduled' && job.dueAt !== undefined && !hasExpired(job))
      .toSorted((a, b) => a.priority - b.priority || (a.dueAt ?? 0) - (b.dueAt ?? 0))
      .slice(0, room);
    return due.map(({ index }) => {
      const job = this.job(index);
      job.state = 'queued';
      job.delivery += 1;
      this.unflushed.push({
        job: index,
        undo: () => {
          job.state = 'scheduled';
          job.delivery -= 1;
        },
      });
      const issued = { job: index, delivery: job.delivery };
      this.issued.push(issued);
      return issued;
    });
  }

  takeBack(leader: Leader, deliveries: readonly Issued[]): number | 'fenced' {
    if (leader === 'deposed') return 'fenced';
    let taken = 0;
    for (const { job: index, delivery } of deliveries) {
      const job = this.job(index);
      if (job.state !== 'queued' || job.delivery !== delivery) continue;
      job.state = 'scheduled';
      taken += 1;
    }
    if (taken > 0) this.#flush();
    return taken;
  }

  start(executor: number, deliveries: readonly Issued[]): (Run | 'stale')[] {
    return deliveries.map(({ job: index, delivery }) => {
      const job = this.job(index);
      if (this.leases[executor] !== 'standing' || job.state !== 'queued' || job.delivery !== delivery)
        return 'stale';
      if (hasExpired(job)) return 'stale';
      const { hasStarted } = job;
      job.state = 'running';
      job.attempt += 1;
      job.hasStarted = true;
      job.deadlinePassed = false;
      const run = this.#begin({ job: index, delivery, executor, attempt: job.attempt });
      job.run = run;
      this.unflushed.push({
        job: index,
        undo: () => {
          job.state = 'queued';
          job.attempt -= 1;
          job.hasStarted = hasStarted;
          job.run = undefined;
          this.#forgotten.push(run);
        },
      });
      return run;
    });
  }

  /** A run whose start was forgotten goes on under the same fences, and nobody could tell it from a new one. */
  #begin(run: Run): Run {
    const forgotten = this.#forgotten.find(
      ({ job, delivery, executor, attempt }) =>
        job === run.job && delivery === run.delivery && executor === run.executor && attempt === run.attempt,
    );
    if (forgotten === undefined) this.runs.push(run);
    return forgotten ?? run;
  }

  /** A crash of Postgres: the last of what was not on the disk is gone. @returns the jobs that were touched */
  crash(forgets: number): number[] {
    const gone = this.unflushed.splice(-forgets);
    for (const { undo } of gone.toReversed()) undo();
    this.#flush();
    return gone.map(({ job }) => job);
  }

  /** A commit that waits for the disk takes all earlier ones along. */
  #flush(): void {
    this.unflushed = [];
  }

  finish(run: Run, outcome: ModelOutcome): JobState | 'stale' {
    return this.#end(run, (job) => this.#after(job, outcome));
  }

  #end(run: Run, after: (job: ModelJob) => JobState): JobState | 'stale' {
    const job = this.job(run.job);
    if (job.run !== run) return 'stale';
    this.#flush();
    job.run = undefined;
    job.state = after(job);
    return job.state;
  }

  epochOf(leader: Leader): number {
    return leader === 'leading' ? this.epoch : this.deposedEpoch;
  }

  /** All deliveries, those that entitle to a start last. */
  get deliveries(): Issued[] {
    const isValid = ({ job, delivery }: Issued) =>
      this.job(job).state === 'queued' && this.job(job).delivery === delivery;
    return this.issued.toSorted((a, b) => Number(isValid(a)) - Number(isValid(b)));
  }

  /** All runs, those that hold their job last. */
  get reports(): Run[] {
    const holds = (run: Run) => this.job(run.job).run === run;
    return this.runs.toSorted((a, b) => Number(holds(a)) - Number(holds(b)));
  }

  /** Jobs that wait for their time. */
  get notDue(): number[] {
    return [...this.jobs.keys()].filter((index) => {
      const { state, dueAt } = this.job(index);
      return state === 'scheduled' && dueAt === undefined;
    });
  }

  /** Jobs that nobody may start any more. */
  get expired(): number[] {
    return [...this.jobs.keys()].filter((index) => {
      const job = this.job(index);
      return !ENDED.includes(job.state) && hasExpired(job);
    });
  }

  /** Jobs that run. */
  get held(): number[] {
    return [...this.jobs.keys()].filter((index) => this.job(index).run !== undefined);
  }

  /** Remembers what is lost by now. */
  look(): void {
    this.seen = this.jobs.flatMap(({ run, deadlinePassed }) => {
      if (run === undefined) return [];
      const executorAlive = this.leases[run.executor] === 'standing';
      return executorAlive && !deadlinePassed ? [] : [{ run, executorAlive }];
    });
  }

  reclaim(leader: Leader): number | 'fenced' {
    if (leader === 'deposed') return 'fenced';
    return this.seen.filter(
      ({ run, executorAlive }) =>
        this.#end(run, (job) => this.#afterReclaim(job, executorAlive ? 'timed_out' : 'lost')) !== 'stale',
    ).length;
  }

  /** @returns the state afterwards, and whether the job was found unfinished */
  cancel(index: number): { state: JobState; accepted: boolean } {
    const job = this.job(index);
    const accepted = !ENDED.includes(job.state);
    if (accepted) {
      this.#flush();
      job.cancelRequested = true;
      if (job.state !== 'running') job.state = 'cancelled';
    }
    return { state: job.state, accepted };
  }

  makeDue(index: number): number {
    this.#ticks += 1;
    this.job(index).dueAt = this.#ticks;
    return this.#ticks;
  }

  /** No executor has said that the job failed: a cancel that was asked for is what ended it. */
  #afterReclaim(job: ModelJob, outcome: 'timed_out' | 'lost'): JobState {
    const state = this.#after(job, outcome);
    return job.cancelRequested ? 'cancelled' : state;
  }

  #after(job: ModelJob, outcome: ModelOutcome): JobState {
    const unlessCancelled = (state: JobState) => (job.cancelRequested ? 'cancelled' : state);
    switch (outcome) {
      case 'succeeded':
        return 'succeeded';
      case 'cancelled':
        return 'cancelled';
      case 'final':
        return 'dead';
      case 'snoozed':
      case 'interrupted':
        job.attempt -= 1;
        job.dueAt = undefined;
        return unlessCancelled('scheduled');
      case 'failed':
      case 'timed_out':
      case 'lost': {
        if (outcome === 'lost' && job.onLost === 'hold') return unlessCancelled('blocked');
        const fails = outcome === 'lost' && job.onLost === 'fail';
        if (fails || job.attempt >= job.maxAttempts) return 'dead';
        job.history.push(job.attempt);
        job.dueAt = undefined;
        return unlessCancelled('scheduled');
      }
      default:
        throw new Error(`unknown outcome ${String(outcome satisfies never)}`);
    }
  }
}
