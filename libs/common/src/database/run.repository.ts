/** The executor's half of the protocol: start (T4), finish (T6) and, for their leader, reclaim (T7). */
import { Injectable } from '@nestjs/common';
import type { Delivery, JobState, OutputPiece, StartedJob } from '#common/domain/job.js';
import type { Attempted, Decision } from '#common/domain/outcome.js';
import {
  FIND_LOST_ATTEMPTS,
  FIND_OWN_ATTEMPTS,
  FINISH_JOBS,
  RECLAIM_JOBS,
  START_JOBS,
} from './job-statements.js';
import { LeaderEpochs, type Fence } from './leader-epochs.js';
import { Notifier } from './notifications.js';
import { PrismaService } from './prisma.service.js';

/** An attempt that came to an end, and what its job becomes. */
export interface EndedAttempt {
  readonly jobId: string;
  /** The delivery that started it. */
  readonly delivery: number;
  readonly attempt: number;
  readonly executorId: string;
  readonly decision: Decision;
  /** What it wrote; kept only when the attempt counts. */
  readonly output: readonly OutputPiece[];
}

/** The state the job is in now, or 'stale' when the attempt had been taken back and its end changed nothing. */
export type FinishResult = JobState | 'stale';

export interface LostAttempt extends Attempted {
  readonly id: string;
  readonly delivery: number;
  readonly executorId: string;
  /** False when the executor's lease ran out; true when only the attempt's own deadline has passed. */
  readonly executorAlive: boolean;
}

/** An attempt that Postgres says the executor runs. */
export interface OwnAttempt extends Attempted {
  readonly id: string;
  readonly delivery: number;
  readonly cancelRequested: boolean;
}

/**
 * Without an id: the state that some of the jobs came to which had waited for these; or without a state too, when limits of a
 * queue have room again.
 */
interface EndedRow {
  readonly id: string | null;
  readonly state: JobState | null;
}

@Injectable()
export class RunRepository {
  constructor(
    private readonly prisma: PrismaService,
    private readonly epochs: LeaderEpochs,
    private readonly notifier: Notifier,
  ) {}

  /**
   * Starts what the deliveries still entitle to.
   * @param graceMs how far beyond its timeout an attempt's deadline lies, in milliseconds
   * @returns one entry for each delivery, in order: the job, or 'stale' when the delivery is void
   */
  async start(
    executorId: string,
    deliveries: readonly Delivery[],
    graceMs: number,
  ): Promise<(StartedJob | 'stale')[]> {
    const rows = await this.prisma.query<StartedJob>(
      START_JOBS,
      executorId,
      deliveries.map(({ jobId }) => jobId),
      deliveries.map(({ delivery }) => delivery),
      graceMs,
    );
    const started = new Map(rows.map((row) => [row.id, row]));
    return deliveries.map(({ jobId, delivery }) => {
      const job = started.get(jobId);
      if (job?.delivery !== delivery) return 'stale';
      // A delivery that is in the batch twice starts once.
      started.delete(jobId);
      return job;
    });
  }

  /** Records ended attempts; the results come in the order given. */
  async finish(ended: readonly EndedAttempt[]): Promise<FinishResult[]> {
    const outputs = ended.flatMap(({ jobId, decision, output }) =>
      isCounted(decision) ? output.map((piece, seq) => ({ jobId, seq, ...piece })) : [],
    );
    const rows = await this.prisma.query<EndedRow>(
      FINISH_JOBS,
      ...finishColumns(ended),
      outputs.map(({ jobId }) => jobId),
      outputs.map(({ seq }) => seq),
      outputs.map(({ stream }) => stream),
      outputs.map(({ text }) => text),
      outputs.map(({ omittedBytes }) => omittedBytes),
    );
    const states = this.#acceptedOf(rows);
    return ended.map(({ jobId }) => states.get(jobId) ?? 'stale');
  }

  /** Running attempts that nobody will finish any more. */
  findLost(limit: number): Promise<LostAttempt[]> {
    return this.prisma.query<LostAttempt>(FIND_LOST_ATTEMPTS, limit);
  }

  /** Like `finish`, on behalf of executors that are gone. @returns how many were accepted, or 'fenced' */
  async reclaim(fence: Fence, ended: readonly EndedAttempt[]): Promise<number | 'fenced'> {
    const rows = await this.prisma.query<EndedRow>(
      RECLAIM_JOBS,
      ...finishColumns(ended),
      fence.election,
      fence.epoch,
    );
    const { size } = this.#acceptedOf(rows);
    return size > 0 || (await this.epochs.stands(fence)) ? size : 'fenced';
  }

  /** The states of the accepted attempts' jobs. Leaders hear of the jobs that had waited for these. */
  #acceptedOf(rows: readonly EndedRow[]): Map<string, JobState> {
    const states = new Map<string, JobState>();
    for (const { id, state } of rows) {
      if (id === null) sendEndHint(this.notifier, state);
      else if (state !== null) states.set(id, state);
    }
    return states;
  }

  /** The executor's attempts that are to be cancelled, or that began more than `ageMs` ago. */
  findOwn(executorId: string, ageMs: number): Promise<OwnAttempt[]> {
    return this.prisma.query<OwnAttempt>(FIND_OWN_ATTEMPTS, executorId, ageMs);
  }
}

/** What a leader should hear of the end of jobs: what others that had waited for them came to, or (null) that a limit has room. */
export function sendEndHint(notifier: Notifier, state: JobState | null): void {
  if (state === null) notifier.send('room');
  else if (state === 'scheduled') notifier.send('work');
  else if (state === 'cancelled') notifier.send('workflows');
}

function isCounted(decision: Decision): boolean {
  return decision.state !== 'scheduled' || decision.counted !== undefined;
}

/** The eleven arrays that all statements with FINISH in them begin with. */
export function finishColumns(ended: readonly EndedAttempt[]): unknown[] {
  const json = (value: unknown) => (value === undefined || value === null ? null : JSON.stringify(value));
  const column = <Value>(of: (decision: Decision) => Value) => ended.map(({ decision }) => of(decision));
  const history = (decision: Decision) => (decision.state === 'scheduled' ? decision.counted : undefined);
  return [
    ended.map(({ jobId }) => jobId),
    ended.map(({ attempt }) => attempt),
    ended.map(({ executorId }) => executorId),
    column((decision) => decision.state),
    column((decision) => (decision.state === 'scheduled' ? decision.delayMs : 0)),
    column(isCounted),
    column((decision) => history(decision)?.outcome ?? null),
    column((decision) => json(history(decision)?.error)),
    column((decision) => (decision.state === 'succeeded' ? json(decision.result) : null)),
    column((decision) =>
      decision.state === 'dead' || decision.state === 'blocked' ? json(decision.error) : null,
    ),
    ended.map(({ delivery }) => delivery),
  ];
}
