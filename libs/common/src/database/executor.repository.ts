/** Executor processes: who is alive (by a lease that each renews), with how many slots, for which queues and types. */
import { Injectable } from '@nestjs/common';
import { PrismaService } from './prisma.service.js';

export interface ExecutorRegistration {
  readonly id: string;
  readonly instance: string;
  readonly host: string;
  readonly pid: number;
  readonly slots: number;
  /** Empty is all queues. */
  readonly queues: readonly string[];
  readonly types: readonly string[];
}

export interface ExecutorStatus extends ExecutorRegistration {
  /** Mean duration of each type there, in milliseconds. */
  readonly meanMs: Readonly<Record<string, number>>;
  readonly draining: boolean;
  readonly startedAt: Date;
  readonly leaseUntil: Date;
}

export interface BusyExecutor extends ExecutorStatus {
  /** Attempts that it runs. */
  readonly running: number;
}

/**
 * Announces an executor, or gives back its row to one whose row was removed while it could not be heard.
 * In: the registration, lease in milliseconds.
 */
const REGISTER_EXECUTOR = `/* register_executor */
INSERT INTO executors (id, instance, host, pid, slots, queues, types, lease_until)
VALUES ($1::uuid, $2, $3, $4, $5, $6::text[], $7::text[], now() + $8::float8 * interval '1 millisecond')
ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until`;

const LIVING = `id, instance, host, pid, slots, queues, types, mean_ms AS "meanMs", draining,
  started_at AS "startedAt", lease_until AS "leaseUntil"`;

/** Executors whose lease stands. */
const LIST_LIVING = `/* list_living_executors */
SELECT ${LIVING} FROM executors WHERE lease_until > now() ORDER BY instance, id`;

/** The same with the number of attempts they run. Index: jobs_in_flight_idx. */
const LIST_BUSY = `/* list_busy_executors */
SELECT ${LIVING}, coalesce(busy.running, 0) AS running
FROM executors LEFT JOIN (
  SELECT executor_id, count(*)::int AS running FROM jobs
  WHERE in_flight_since IS NOT NULL AND state = 'running' GROUP BY executor_id
) AS busy ON busy.executor_id = executors.id
WHERE lease_until > now() ORDER BY instance, id`;

/** Removes executors that have been silent for long and hold nothing any more. In: milliseconds since the lease ended. */
const FORGET_EXECUTORS = `/* forget_executors */
DELETE FROM executors e WHERE lease_until < now() - $1::float8 * interval '1 millisecond'
  AND NOT EXISTS (
    SELECT 1 FROM jobs WHERE in_flight_since IS NOT NULL AND jobs.state = 'running' AND jobs.executor_id = e.id)`;

@Injectable()
export class ExecutorRepository {
  constructor(private readonly prisma: PrismaService) {}

  async register(executor: ExecutorRegistration, leaseMs: number): Promise<void> {
    const { id, instance, host, pid, slots, queues, types } = executor;
    await this.prisma.query(REGISTER_EXECUTOR, id, instance, host, pid, slots, queues, types, leaseMs);
  }

  async reportMeans(id: string, meanMs: Readonly<Record<string, number>>): Promise<void> {
    await this.prisma.query(
      `/* report_means */ UPDATE executors SET mean_ms = $2::jsonb WHERE id = $1::uuid`,
      id,
      JSON.stringify(meanMs),
    );
  }

  /** From here on the executor takes no new jobs, and the feeder counts none of its slots. */
  async startDraining(id: string): Promise<void> {
    await this.prisma.query(
      `/* start_draining */ UPDATE executors SET draining = true WHERE id = $1::uuid`,
      id,
    );
  }

  /** Removes an executor that has ended properly. What it still holds, if anything, is reclaimed at once. */
  async leave(id: string): Promise<void> {
    await this.prisma.query(`/* leave */ DELETE FROM executors WHERE id = $1::uuid`, id);
  }

  living(): Promise<ExecutorStatus[]> {
    return this.prisma.query<ExecutorStatus>(LIST_LIVING);
  }

  /** The same with what they run. */
  busy(): Promise<BusyExecutor[]> {
    return this.prisma.query<BusyExecutor>(LIST_BUSY);
  }

  async forget(silentMs: number): Promise<void> {
    await this.prisma.query(FORGET_EXECUTORS, silentMs);
  }
}
