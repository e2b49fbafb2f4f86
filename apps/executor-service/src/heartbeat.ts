/**
 * Keeps this executor alive in the eyes of the others: registers it, starts the thread that renews its lease, and once a
 * second reports its mean durations and the progress of its jobs, and compares what Postgres says it runs with what it runs.
 */
import { Worker } from 'node:worker_threads';
import { Injectable } from '@nestjs/common';
import type { LeaseEvent, LeaseRenewal } from '#common/database/lease-renewal-thread.js';
import { ExecutorRepository, type ExecutorRegistration } from '#common/database/executor.repository.js';
import { JobTypeRepository } from '#common/database/job-type.repository.js';
import { HintListener, Notifier } from '#common/database/notifications.js';
import { ProgressRepository } from '#common/database/progress.repository.js';
import { RunRepository } from '#common/database/run.repository.js';
import type { Logger } from '#common/logging/logger.js';
import { Alarm } from '#common/runtime/alarm.js';
import { fencedProcesses } from '#common/runtime/fenced-processes.js';
import { LeaseClock } from '#common/runtime/lease-clock.js';
import { repeat } from '#common/runtime/repeat.js';
import type { ExecutorEnvironment } from './environment.js';
import { HandlerRegistry } from './handlers/registry.js';
import { JobRunner } from './job-runner.js';

const LOOK_EVERY_MS = 1000;
/** An attempt that is older than this should be known to the executor that runs it, in milliseconds. */
const UNNOTICED_MS = 500;

@Injectable()
export class Heartbeat {
  readonly #stop = new AbortController();
  readonly #alarm = new Alarm();
  #thread: Worker | undefined;
  #registered = false;
  #leaseLost = false;

  constructor(
    private readonly registration: ExecutorRegistration,
    private readonly environment: ExecutorEnvironment,
    private readonly handlers: HandlerRegistry,
    private readonly runner: JobRunner,
    private readonly leaseClock: LeaseClock,
    private readonly executors: ExecutorRepository,
    private readonly jobTypes: JobTypeRepository,
    private readonly runs: RunRepository,
    private readonly progress: ProgressRepository,
    private readonly hints: HintListener,
    private readonly notifier: Notifier,
    private readonly log: Logger,
  ) {}

  /** Whether others take this executor for alive. */
  get alive(): boolean {
    return this.#registered && !this.#leaseLost;
  }

  start(): void {
    this.hints.on('cancel', (jobId) => this.runner.stop(jobId, 'cancelled'));
    this.hints.on('follow', (jobId) => this.runner.follow(jobId));
    this.hints.on('listening', () => this.#alarm.ring());
    // While a type is taken for slow, or nothing is known of it, its jobs are handed over one by one.
    this.runner.means.onShift(() => this.#alarm.ring());
    void repeat(
      { duty: 'heartbeat', signal: this.#stop.signal, log: this.log, alarm: this.#alarm, maxBackoffMs: 1000 },
      async () => {
        if (!this.#registered) await this.#register();
        await this.executors.reportMeans(this.registration.id, this.runner.means.snapshot());
        this.runner.reconcile(await this.runs.findOwn(this.registration.id, UNNOTICED_MS));
        return LOOK_EVERY_MS;
      },
    );
    void repeat({ duty: 'tell progress', signal: this.#stop.signal, log: this.log }, async () => {
      await this.#tellProgress();
      return LOOK_EVERY_MS;
    });
  }

  /** Tells the feeder to count on this executor no more. */
  async startDraining(): Promise<void> {
    await this.executors.startDraining(this.registration.id);
  }

  /** Leaves for good: whatever is still running here is reclaimed at once. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#tellProgress().catch(() => undefined);
    await this.#thread?.terminate();
    await this.executors.leave(this.registration.id);
  }

  async #tellProgress(): Promise<void> {
    await this.runner.progress.flush((told) => this.progress.write(this.registration.id, told));
  }

  async #register(): Promise<void> {
    const leftAlone = await this.jobTypes.announce(this.handlers.announcement());
    if (leftAlone.length > 0)
      this.log.warn('job types are run by workers outside, their handlers here get no jobs', {
        types: leftAlone,
      });
    const sentAt = process.hrtime.bigint();
    await this.executors.register(this.registration, this.environment.EXECUTOR_LEASE_MS);
    this.leaseClock.renewed(sentAt);
    this.#registered = true;
    this.#thread ??= this.#startThread();
    this.notifier.send('types');
    this.notifier.send('work');
    this.log.info('registered', { executorId: this.registration.id, types: this.handlers.types });
  }

  #startThread(): Worker {
    const thread = new Worker(new URL(import.meta.resolve('#common/database/lease-renewal-thread.js')), {
      workerData: {
        databaseUrl: this.environment.DATABASE_URL,
        executorId: this.registration.id,
        leaseMs: this.environment.EXECUTOR_LEASE_MS,
        leaseClock: this.leaseClock.memory,
        fencedProcesses: fencedProcesses.memory,
      } satisfies LeaseRenewal,
    });
    thread.on('message', (event: LeaseEvent) => this.#leaseChanged(event));
    thread.on('error', (error) => {
      // Without a heartbeat this process would soon run what others run too.
      this.log.error('the heartbeat thread died, exiting', { error });
      fencedProcesses.fenceAll();
      process.exit(1);
    });
    return thread;
  }

  #leaseChanged({ kind }: LeaseEvent): void {
    switch (kind) {
      case 'renewed':
        this.#leaseLost = false;
        this.log.info('lease stands again');
        break;
      case 'gone':
        this.#registered = false;
        this.#alarm.ring();
        break;
      case 'lost':
        this.#leaseLost = true;
        this.log.warn('lease could not be renewed, jobs ended', { running: this.runner.runningCount });
        this.runner.stopAll('lease lost');
        break;
      default:
        throw new Error(`unknown lease event ${String(kind satisfies never)}`);
    }
  }
}
