/** Gives out leases: starts due jobs for workers outside, as the settings of their queues allow. */
import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { Job } from '#common/domain/job.js';
import { LEASE_JOBS, NEXT_LEASABLE } from './lease-statements.js';
import { LEASE_LIMITED } from './limited-lease-statement.js';
import { PrismaService } from './prisma.service.js';

/** What a worker would run. */
export interface LeasableJobs {
  readonly types: readonly string[];
  /** Null is all queues. */
  readonly queues: readonly string[] | null;
}

/** A lease that waits for a job. */
export interface OpenLease {
  /** New for every lease. */
  readonly executorId: string;
  readonly leaseMs: number;
  readonly worker: string;
}

export type LeasedJob = Job & { readonly leaseUntil: Date };

export interface Leased {
  /** The first job has the first lease, and so on. */
  readonly jobs: readonly LeasedJob[];
  /** In how many milliseconds limits of queues may allow more; null when only a hint tells, or there are none. */
  readonly againInMs: number | null;
}

/** A statement that found no job answers one row all the same. */
type Row<Verdict> = Verdict & (LeasedJob | { readonly id: null });

/** An attempt whose worker is alive and does not end it is taken back this long after its timeout, in milliseconds. */
const DEADLINE_GRACE_MS = 5000;
/** How often a limited queue that somebody else is just taking from is tried, and how long is waited in between. */
const TRIES = 3;
const RETRY_MS = 3;

@Injectable()
export class LeasingRepository {
  constructor(private readonly prisma: PrismaService) {}

  /**
   * Starts due jobs, most urgent first, at most one for each lease. Queues with limits have the first turn every other time.
   */
  async lease(wanted: LeasableJobs, leases: readonly OpenLease[]): Promise<Leased> {
    const { jobs, limitedQueues, yielded } = await this.#leaseOrdinary(wanted, leases, true);
    let againInMs: number | null = null;
    try {
      for (const queue of limitedQueues) {
        if (jobs.length >= leases.length) break;
        const limited = await this.#leaseLimited(wanted.types, queue, leases.slice(jobs.length));
        jobs.push(...limited.jobs);
        againInMs = sooner(againInMs, limited.againInMs);
      }
      if (yielded && jobs.length < leases.length)
        jobs.push(...(await this.#leaseOrdinary(wanted, leases.slice(jobs.length), false)).jobs);
    } catch (error) {
      // Who is to have those that are leased already must hear of it.
      if (jobs.length === 0) throw error;
    }
    return { jobs, againInMs };
  }

  /**
   * In how many milliseconds the next such job is due in a queue without limits, negative when overdue, null when none is
   * scheduled.
   */
  async nextDueInMs({ types, queues }: LeasableJobs): Promise<number | null> {
    const [next] = await this.prisma.query<{ dueInMs: number | null }>(NEXT_LEASABLE, types, queues);
    return next?.dueInMs ?? null;
  }

  async #leaseOrdinary({ types, queues }: LeasableJobs, leases: readonly OpenLease[], mayYield: boolean) {
    const rows = await this.prisma.query<Row<{ limitedQueues: string[]; yielded: boolean }>>(
      LEASE_JOBS,
      types,
      queues,
      ...leaseColumns(leases),
      mayYield,
    );
    const jobs: LeasedJob[] = [];
    for (const { limitedQueues: _, yielded: __, ...job } of rows) if (job.id !== null) jobs.push(job);
    return { jobs, limitedQueues: rows[0]?.limitedQueues ?? [], yielded: rows[0]?.yielded ?? false };
  }

  async #leaseLimited(
    types: readonly string[],
    queue: string,
    leases: readonly OpenLease[],
  ): Promise<Leased> {
    for (let tries = 1; tries <= TRIES; tries += 1) {
      const rows = await this.prisma.query<Row<{ stale: boolean; againInMs: number | null }>>(
        LEASE_LIMITED,
        types,
        queue,
        ...leaseColumns(leases),
      );
      if (rows[0]?.stale === false) {
        const jobs: LeasedJob[] = [];
        for (const { stale: _, againInMs: __, ...job } of rows) if (job.id !== null) jobs.push(job);
        return { jobs, againInMs: rows[0].againInMs };
      }
      if (tries < TRIES) await pause(RETRY_MS);
    }
    return { jobs: [], againInMs: 0 };
  }
}

function leaseColumns(leases: readonly OpenLease[]): unknown[] {
  return [
    leases.map(({ executorId }) => executorId),
    leases.map(({ leaseMs }) => leaseMs),
    leases.map(({ worker }) => worker),
    DEADLINE_GRACE_MS,
  ];
}

function sooner(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other;
  return Math.min(one, other);
}
