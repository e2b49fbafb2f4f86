/**
 * Gathers what is known of a job and of what it waits for, in three statements that cost about the same however many jobs
 * wait: places are counted up to a limit, from the head of the claim's index.
 */
import { Injectable } from '@nestjs/common';
import { PRIORITY, type Job } from '#common/domain/job.js';
import type { QueueFacts } from '#common/domain/why-queue.js';
import { FURTHEST_PLACE, type KnownExecutor, type WhyFacts } from '#common/domain/why.js';
import { JOB_COLUMNS, UNKEYED } from './job-statements.js';
import { KEYED } from './limited-claim-statement.js';
import { PrismaService } from './prisma.service.js';
import { WHY_QUEUE } from './why-queue-statement.js';

/** Of all that has been handed over, no more is looked at than this. */
const MAX_IN_FLIGHT = 10_000;
/** Jobs that a blocked one waits for, and that are named. */
const PARENTS_NAMED = 10;

/**
 * Due jobs that are handed over before the job j: those of a more urgent priority, those of its own that were due before,
 * and of those with keys, which take turns, about as many as were due before it. For a worker: those of its type. None when
 * j is not due. Index: jobs_claim_idx and jobs_lease_idx, one range for each priority; jobs_lane_due_idx.
 */
const DUE_BEFORE = `(
  SELECT count(*)::int FROM (
    SELECT 1 FROM generate_series(${PRIORITY.most}, j.priority - 1) AS p(priority), LATERAL (
      SELECT 1 FROM jobs WHERE jobs.queue = j.queue AND jobs.priority = p.priority AND claimable_at <= now() AND ${UNKEYED}
      ORDER BY claimable_at, jobs.id LIMIT ${FURTHEST_PLACE}) AS more_urgent
    WHERE j.claimable_at <= now()
    UNION ALL (
      SELECT 1 FROM jobs
      WHERE jobs.queue = j.queue AND jobs.priority = j.priority AND claimable_at IS NOT NULL AND ${UNKEYED}
        AND (claimable_at, jobs.id) < (j.claimable_at, j.id) AND j.claimable_at <= now()
      ORDER BY claimable_at, jobs.id LIMIT ${FURTHEST_PLACE})
    UNION ALL (
      SELECT 1 FROM jobs WHERE jobs.queue = j.queue AND ${KEYED} AND claimable_at < j.claimable_at AND j.claimable_at <= now()
      ORDER BY claimable_at LIMIT ${FURTHEST_PLACE})
    UNION ALL (
      SELECT 1 FROM generate_series(${PRIORITY.most}, j.priority) AS p(priority), LATERAL (
        SELECT 1 FROM jobs WHERE jobs.type = j.type AND jobs.queue = j.queue AND jobs.priority = p.priority AND leasable_at <= now()
          AND (p.priority < j.priority OR (leasable_at, jobs.id) < (j.leasable_at, j.id))
        ORDER BY leasable_at, jobs.id LIMIT ${FURTHEST_PLACE}) AS for_workers
      WHERE j.leasable_at <= now())
    LIMIT ${FURTHEST_PLACE}
  ) AS before)`;

/** In: id; operands of LIKE, one of which the queue of a parent that is named must fit, or null. Rows: the job and its place, or none. */
export const WHY_JOB = `/* why_job */
SELECT ${JOB_COLUMNS}, now(),
  (SELECT a.started_at FROM job_attempts a WHERE a.job_id = j.id AND a.attempt = j.attempt) AS "lastFailureStartedAt",
  ${DUE_BEFORE} AS "dueBefore",
  hashtext(j.queue) & 2147483647 AS "queueHash",
  CASE WHEN j.remote THEN json_build_object(
    'asking', EXISTS (SELECT 1 FROM worker_polls WHERE until > now() AND j.type = ANY (types) AND (queues = '{}' OR j.queue = ANY (queues))),
    'leases', (SELECT count(*) FROM (SELECT type, lease_until FROM jobs WHERE in_flight_since IS NOT NULL LIMIT ${MAX_IN_FLIGHT}) AS run
               WHERE run.type = j.type AND run.lease_until > now()),
    'leaseMs', extract(epoch FROM j.lease_until - now())::float8 * 1000) END AS workers,
  (SELECT coalesce(json_agg(p), '[]') FROM (
    SELECT parent.id, parent.name, parent.state, edge.on_failure AS "onDependencyFailure"
    FROM job_dependencies edge JOIN jobs parent ON parent.id = edge.parent_id
    WHERE j.state = 'blocked' AND edge.child_id = j.id AND edge.state = CASE WHEN j.error IS NULL THEN 'pending' ELSE 'failed' END
      AND ($2::text[] IS NULL OR parent.queue LIKE ANY ($2::text[]))
    ORDER BY parent.id LIMIT ${PARENTS_NAMED}) AS p) AS parents
FROM jobs j WHERE id = $1::uuid`;

/** What is under way. Rows: each executor with what it runs, and for the queue of a job what has been handed over. In: job. */
export const WHY_EXECUTORS = `/* why_executors */
WITH in_flight AS MATERIALIZED (
  SELECT queue, state, executor_id FROM jobs WHERE in_flight_since IS NOT NULL ORDER BY in_flight_since LIMIT ${MAX_IN_FLIGHT}
)
SELECT id, instance, host, slots, queues, types, mean_ms AS "meanMs", draining,
  extract(epoch FROM lease_until - now())::float8 * 1000 AS "leaseMs",
  (SELECT count(*)::int FROM in_flight WHERE state = 'running' AND executor_id = executors.id) AS running,
  (SELECT count(*)::int FROM (
    SELECT 1 FROM in_flight WHERE state = 'queued' AND queue = (SELECT queue FROM jobs WHERE id = $1::uuid) LIMIT ${FURTHEST_PLACE}) AS waiting) AS "handedOver"
FROM executors`;

type JobFacts = Job &
  Omit<WhyFacts, 'job' | 'handedOver' | 'executors' | 'queue' | Led> & { readonly queueHash: number };
type Led = 'leadership' | 'queueLeadership';

/** All facts but who leads, and what is needed to ask for that. */
export interface GatheredFacts extends Omit<WhyFacts, Led> {
  /** Shard number n leads the queues whose hash is n modulo the number of shards. */
  readonly queueHash: number;
}

@Injectable()
export class WhyRepository {
  constructor(private readonly prisma: PrismaService) {}

  /**
   * @param queuePatterns operands of LIKE: parents are named only if their queue fits one of them; null is no limit
   * @returns undefined when there is no such job
   */
  async gather(id: string, queuePatterns: readonly string[] | null): Promise<GatheredFacts | undefined> {
    const [[row], executors, [queue]] = await Promise.all([
      this.prisma.query<JobFacts>(WHY_JOB, id, queuePatterns),
      this.prisma.query<KnownExecutor & { readonly handedOver: number }>(WHY_EXECUTORS, id),
      this.prisma.query<QueueFacts>(WHY_QUEUE, id),
    ]);
    if (row === undefined) return undefined;
    const { now, lastFailureStartedAt, dueBefore, queueHash, workers, parents, ...job } = row;
    return {
      job,
      now,
      lastFailureStartedAt,
      dueBefore,
      queueHash,
      workers,
      parents,
      queue: queue ?? null,
      handedOver: executors[0]?.handedOver ?? 0,
      executors: executors.map(({ handedOver: _handedOver, ...executor }) => executor),
    };
  }
}
