/**
 * Runs what the queue hands over: start (T4), handler, finish (T6). Starts and finishes are batched under load. An
 * envelope is run by one slot, one delivery after the other; a delivery that turns out slow gives the rest of its
 * envelope to other slots, so that nothing quick waits behind it.
 */
import { Injectable } from '@nestjs/common';
import { isValueFault } from '#common/database/database-errors.js';
import { Notifier } from '#common/database/notifications.js';
import { ParentRepository } from '#common/database/parent.repository.js';
import {
  RunRepository,
  type EndedAttempt,
  type FinishResult,
  type OwnAttempt,
} from '#common/database/run.repository.js';
import type { Delivery, StartedJob } from '#common/domain/job.js';
import { decide, type Decision, type Outcome } from '#common/domain/outcome.js';
import type { Logger } from '#common/logging/logger.js';
import { Alarm } from '#common/runtime/alarm.js';
import { Batcher } from '#common/runtime/batcher.js';
import { LeaseClock } from '#common/runtime/lease-clock.js';
import { Semaphore } from '#common/runtime/semaphore.js';
import { Attempt, type StopReason } from './attempt.js';
import type { ExecutorEnvironment } from './environment.js';
import { OutputCapture } from './handlers/output-capture.js';
import { HandlerRegistry } from './handlers/registry.js';
import type { LiveOutput } from './live-output.js';
import { MeanDurations } from './mean-durations.js';
import { ProgressBoard } from './progress-board.js';

/** Most starts or finishes in one statement. */
const BATCH = 1000;
/** A job that takes longer than this is slow, in milliseconds. */
const SLOW_MS = 25;
/** After this long in handlers that answer at once, other work has its turn, in milliseconds. */
const LONGEST_TURN_MS = 10;
/** Pause between tries to record a start or an end while Postgres is away, in milliseconds. */
const RETRY_MS = 250;
/** For so long a start is tried again, in milliseconds. The sweep takes deliveries back that are 3 s old. */
const START_WITHIN_MS = 2500;

@Injectable()
export class JobRunner {
  readonly means = new MeanDurations();
  /** What its handlers tell of their progress. */
  readonly progress = new ProgressBoard();
  readonly #running = new Map<string, Attempt>();
  /** Envelopes whose START has been sent and not been answered. */
  readonly #starting = new Set<readonly Delivery[]>();
  readonly #slots: Semaphore;
  readonly #starts: Batcher<readonly Delivery[], (StartedJob | 'stale')[]>;
  readonly #finishes: Batcher<EndedAttempt, FinishResult>;
  /** Envelopes that were taken and have not been dealt with, whether or not they have started. */
  #envelopes = 0;
  readonly #idle: (() => void)[] = [];
  #shuttingDown = false;
  readonly #readParents = (jobId: string) => this.parents.parentsOf(jobId);

  constructor(
    /** The executor's id in Postgres, which all its starts and ends name. */
    readonly executorId: string,
    private readonly environment: ExecutorEnvironment,
    private readonly handlers: HandlerRegistry,
    private readonly leaseClock: LeaseClock,
    repository: RunRepository,
    private readonly parents: ParentRepository,
    private readonly notifier: Notifier,
    private readonly log: Logger,
    private readonly live: LiveOutput,
  ) {
    this.#slots = new Semaphore(environment.EXECUTOR_SLOTS);
    // An attempt that ignores its timeout is given up by the runner before its deadline lets the reclaimer take it.
    const deadlineGraceMs = environment.EXECUTOR_KILL_GRACE_MS + 5000;
    this.#starts = new Batcher({
      flush: async (envelopes) => {
        const started = await repository.start(executorId, envelopes.flat(), deadlineGraceMs);
        return envelopes.map(({ length }) => started.splice(0, length));
      },
      maxItems: BATCH,
      sizeOf: ({ length }) => length,
      concurrency: 2,
    });
    this.#finishes = new Batcher({
      flush: (ended) => repository.finish(ended),
      maxItems: BATCH,
      concurrency: 2,
      isItemFault: isValueFault,
    });
  }

  get runningCount(): number {
    return this.#running.size;
  }

  /** Runs the deliveries of an envelope; resolves when each has been dealt with. Never rejects. */
  async run(deliveries: readonly Delivery[]): Promise<void> {
    this.#envelopes += 1;
    const release = await this.#slots.acquire();
    await this.#runInTurn(await this.#begin(deliveries), release);
    this.#envelopes -= 1;
    if (this.#envelopes === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Starts what the deliveries still entitle to. A slot that waits for Postgres takes no further deliveries meanwhile. */
  async #begin(deliveries: readonly Delivery[]): Promise<Attempt[]> {
    const giveUpAt = performance.now() + START_WITHIN_MS;
    while (!this.#shuttingDown) {
      const period = this.leaseClock.period();
      let error: unknown = new Error('the lease does not stand');
      try {
        // Without a lease Postgres would take the deliveries for stale, and they would be thrown away.
        if (period !== undefined) return this.#register(await this.#start(deliveries), period);
      } catch (failure) {
        error = failure;
      }
      if (performance.now() >= giveUpAt) {
        // Nothing is lost: what did not start is swept, what did start without our knowing is found by `reconcile`.
        this.log.warn('deliveries not started', { deliveries: deliveries.length, error });
        return [];
      }
      await new Alarm().sleep(RETRY_MS);
    }
    return [];
  }

  /**
   * Compares what Postgres says this executor runs with what it runs: stops what is to be cancelled, and hands back
   * what it has never heard of, because the answer to its START was lost.
   */
  reconcile(own: readonly OwnAttempt[]): void {
    for (const { id, delivery, cancelRequested, ...attempted } of own) {
      const running = this.#running.get(id);
      if (running?.job.delivery === delivery) {
        if (cancelRequested) running.stop('cancelled');
      } else if (!this.#isStarting(id, delivery)) {
        this.log.warn('handing back an attempt that started unnoticed', {
          jobId: id,
          attempt: attempted.attempt,
        });
        const decision = decide(attempted, { kind: 'interrupted' }, Math.random());
        const { executorId } = this;
        this.#finishes
          .add({ jobId: id, delivery, attempt: attempted.attempt, executorId, decision, output: [] })
          .then(() => this.notifier.send('work'))
          // The next comparison finds it again.
          .catch(() => undefined);
      }
    }
  }

  async #start(deliveries: readonly Delivery[]): Promise<(StartedJob | 'stale')[]> {
    this.#starting.add(deliveries);
    try {
      return await this.#starts.add(deliveries);
    } finally {
      // By the time anybody looks again, what has started is among the running.
      this.#starting.delete(deliveries);
    }
  }

  #isStarting(jobId: string, delivery: number): boolean {
    return [...this.#starting].flat().some((sent) => sent.jobId === jobId && sent.delivery === delivery);
  }

  /** Asks one attempt to end; does nothing when it does not run here. */
  stop(jobId: string, reason: StopReason): void {
    this.#running.get(jobId)?.stop(reason);
  }

  /** Somebody wants to see what a job writes, whether it runs here or not. */
  follow(jobId: string): void {
    this.live.follow(jobId, this.#running.get(jobId));
  }

  /** Asks everything that runs to end; at a shutdown also what is still being started. */
  stopAll(reason: StopReason): void {
    this.#shuttingDown ||= reason === 'shutdown';
    for (const attempt of this.#running.values()) attempt.stop(reason);
  }

  /** Resolves when every envelope that was taken has been dealt with: nothing runs, and nothing is about to start. */
  async whenIdle(): Promise<void> {
    if (this.#envelopes > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /**
   * Runs jobs one after the other in the slot that `release` gives back. A job that turns out slow keeps that slot for
   * itself, and the rest goes on in the next free one.
   */
  async #runInTurn(attempts: readonly Attempt[], release: () => void): Promise<void> {
    const ends: Promise<void>[] = [];
    let turnBegan = performance.now();
    for (const [index, attempt] of attempts.entries()) {
      const outcome = this.#measure(attempt);
      if (outcome instanceof Promise) {
        ends.push(outcome.then((result) => this.#finish(attempt, result)));
        const isLast = index === attempts.length - 1;
        if (!isLast && !(await settlesWithin(outcome, SLOW_MS))) {
          void outcome.then(release);
          release = await this.#slots.acquire();
        } else {
          await outcome;
        }
        turnBegan = performance.now();
      } else {
        ends.push(this.#finish(attempt, outcome));
        if (performance.now() - turnBegan > LONGEST_TURN_MS) {
          await new Promise(setImmediate);
          turnBegan = performance.now();
        }
      }
    }
    release();
    await Promise.all(ends);
  }

  /** @param period of the lease in which the start was asked for */
  #register(started: readonly (StartedJob | 'stale')[], period: bigint): Attempt[] {
    const jobs = started.filter((job) => job !== 'stale');
    if (jobs.length < started.length)
      this.log.debug('stale deliveries dropped', { stale: started.length - jobs.length });
    // A crash of Postgres may forget claim and start of what runs here, and it is then handed over anew.
    const unknown = jobs.filter(({ id, delivery }) => this.#running.get(id)?.job.delivery !== delivery);
    return unknown.map((job) => {
      const attempt = new Attempt(
        job,
        this.handlers.get(job.type),
        new OutputCapture(this.environment.EXECUTOR_OUTPUT_LIMIT_BYTES),
        this.environment.EXECUTOR_KILL_GRACE_MS,
        () => this.leaseClock.period() === period,
        this.#readParents,
        this.progress,
      );
      this.#running.set(job.id, attempt);
      this.live.started(attempt);
      if (this.#shuttingDown) attempt.stop('shutdown');
      return attempt;
    });
  }

  #measure(attempt: Attempt): Outcome | Promise<Outcome> {
    const startedAt = performance.now();
    const measured = (outcome: Outcome) => {
      this.means.add(attempt.job.type, performance.now() - startedAt);
      return outcome;
    };
    const outcome = attempt.run();
    return outcome instanceof Promise ? outcome.then(measured) : measured(outcome);
  }

  /** Records the end of an attempt, however long Postgres is away: the fences decide whether it still counts. */
  async #finish(attempt: Attempt, outcome: Outcome): Promise<void> {
    const { job, output } = attempt;
    const followed = this.live.ended(attempt);
    if (followed !== undefined) await followed;
    const ended: EndedAttempt = {
      jobId: job.id,
      delivery: job.delivery,
      attempt: job.attempt,
      executorId: this.executorId,
      decision: decide(job, outcome, Math.random()),
      output: output.pieces(),
    };
    const state = await this.#record(ended);
    if (this.#running.get(job.id) === attempt) this.#running.delete(job.id);

    this.#log(attempt, outcome, state);
    // The feeder should learn of a job that is due again before its next poll.
    if (state === 'scheduled') this.notifier.send('work');
  }

  #log({ job }: Attempt, outcome: Outcome, state: FinishResult): void {
    // Most attempts succeed, and there are many: what nobody reads is not put together.
    if (state !== 'stale' && !('error' in outcome) && !this.log.isDebugEnabled()) return;
    const facts = { jobId: job.id, type: job.type, attempt: job.attempt, outcome: outcome.kind, state };
    if (state === 'stale') this.log.warn('result discarded, the attempt had been taken back', facts);
    else if ('error' in outcome) this.log.info('attempt failed', { ...facts, error: outcome.error });
    else this.log.debug('attempt finished', facts);
  }

  async #record(attempted: EndedAttempt): Promise<FinishResult> {
    let ended = attempted;
    for (let failures = 0; ; failures += 1) {
      try {
        return await this.#end(ended);
      } catch (error) {
        if (isValueFault(error) && ended.decision !== UNSTORABLE) {
          ended = { ...ended, decision: UNSTORABLE, output: [] };
          continue;
        }
        this.log.log(failures === 0 ? 'warn' : 'debug', 'end of attempt not recorded, will try again', {
          jobId: ended.jobId,
          error,
        });
        await new Alarm().sleep(RETRY_MS);
      }
    }
  }

  /**
   * A START does not wait for Postgres' disk, so a crash of Postgres may forget one whose job already runs. Its delivery
   * then still entitles to a start, unless the sweep was quicker: it is recorded anew, and the end counts instead of the job
   * running once more.
   */
  async #end(ended: EndedAttempt): Promise<FinishResult> {
    const state = await this.#finishes.add(ended);
    if (state !== 'stale') return state;
    // Without one Postgres would call the start stale too.
    if (this.leaseClock.period() === undefined) throw new Error('the lease does not stand');
    const [started] = await this.#start([ended]);
    return started === 'stale' ? 'stale' : this.#finishes.add(ended);
  }
}

/** Recorded in place of an end that Postgres refuses to store, which no repetition would change. */
const UNSTORABLE: Decision = {
  state: 'dead',
  error: { name: 'UnstorableEnd', message: 'what the attempt returned or wrote cannot be stored' },
};

async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const inTime = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}
