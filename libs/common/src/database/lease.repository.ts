/** What the holder of a lease says: the right of a worker outside to run one job, while it is renewed. */
import { Injectable } from '@nestjs/common';
import type { Job, JobState, OutputPiece } from '#common/domain/job.js';
import { GET_JOBS } from './job-statements.js';
import { APPEND_OUTPUT, FINISH_LEASED, HOLD_LEASED, RENEW_LEASES } from './lease-statements.js';
import { Notifier } from './notifications.js';
import { PrismaService } from './prisma.service.js';
import { finishColumns, sendEndHint, type EndedAttempt, type FinishResult } from './run.repository.js';

/** Which lease holds, or held, which job. */
export interface LeaseHold {
  readonly jobId: string;
  readonly delivery: number;
  readonly attempt: number;
  readonly executorId: string;
}

export interface RenewedLease {
  readonly leaseUntil: Date;
  readonly cancelRequested: boolean;
}

/** Bytes of output that one attempt keeps; the rest is counted. */
export const LEASED_OUTPUT_BYTES = 256 * 1024;

@Injectable()
export class LeaseRepository {
  constructor(
    private readonly prisma: PrismaService,
    private readonly notifier: Notifier,
  ) {}

  /** Renews leases from now on. @returns one entry for each, in order; 'stale' when it no longer holds the job */
  async renew(leases: readonly (LeaseHold & { leaseMs: number })[]): Promise<(RenewedLease | 'stale')[]> {
    const rows = await this.prisma.query<RenewedLease & { id: string; executorId: string }>(
      RENEW_LEASES,
      ...holdColumns(leases),
      leases.map(({ leaseMs }) => leaseMs),
    );
    const renewed = new Map(rows.map((row) => [keyOf({ jobId: row.id, executorId: row.executorId }), row]));
    return leases.map((lease) => renewed.get(keyOf(lease)) ?? 'stale');
  }

  /** Appends what attempts wrote, in the order given. @returns one entry for each; whether its lease still held the job */
  async append(
    writings: readonly (LeaseHold & { pieces: readonly Pick<OutputPiece, 'stream' | 'text'>[] })[],
  ): Promise<boolean[]> {
    const held = await this.prisma.inTransaction(async (query) => {
      const rows = await query<{ id: string; executorId: string }>(HOLD_LEASED, ...holdColumns(writings));
      const holds = new Set(rows.map(({ id, executorId }) => keyOf({ jobId: id, executorId })));
      const pieces = writings
        .filter((writing) => holds.has(keyOf(writing)))
        .flatMap(({ jobId, attempt, pieces: written }) =>
          written.map((piece) => ({ jobId, attempt, ...piece })),
        );
      if (pieces.length > 0)
        await query(
          APPEND_OUTPUT,
          pieces.map(({ jobId }) => jobId),
          pieces.map(({ attempt }) => attempt),
          pieces.map(({ stream }) => stream),
          pieces.map(({ text }) => text),
          LEASED_OUTPUT_BYTES,
        );
      return holds;
    });
    return writings.map((writing) => held.has(keyOf(writing)));
  }

  /** Records ended attempts; the results come in the order given. Of two ends of one lease the first counts. */
  async finish(ended: readonly EndedAttempt[]): Promise<FinishResult[]> {
    const first = new Map<string, EndedAttempt>();
    for (const end of ended) if (!first.has(keyOf(end))) first.set(keyOf(end), end);
    const rows = await this.prisma.query<EndedLease | { id: null; state: JobState | null }>(
      FINISH_LEASED,
      ...finishColumns([...first.values()]),
    );
    const states = new Map<string, JobState>();
    for (const row of rows) {
      if (row.id === null) sendEndHint(this.notifier, row.state);
      else states.set(keyOf({ jobId: row.id, executorId: row.executorId }), row.state);
    }
    return ended.map(
      (end) => (first.get(keyOf(end)) === end ? states.get(keyOf(end)) : undefined) ?? 'stale',
    );
  }

  /** @returns one entry for each id, in order; undefined where there is no such job */
  async jobs(ids: readonly string[]): Promise<(Job | undefined)[]> {
    const jobs = new Map((await this.prisma.query<Job>(GET_JOBS, ids)).map((job) => [job.id, job]));
    return ids.map((id) => jobs.get(id));
  }
}

interface EndedLease {
  readonly id: string;
  readonly executorId: string;
  readonly state: JobState;
}

function keyOf({ jobId, executorId }: Pick<LeaseHold, 'jobId' | 'executorId'>): string {
  return `${jobId}:${executorId}`;
}

function holdColumns(leases: readonly LeaseHold[]): unknown[] {
  return [
    leases.map(({ jobId }) => jobId),
    leases.map(({ delivery }) => delivery),
    leases.map(({ attempt }) => attempt),
    leases.map(({ executorId }) => executorId),
  ];
}
