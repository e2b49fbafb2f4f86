/** Deletes what retention no longer keeps, in small steps that never hold locks for long. */
import { Injectable } from '@nestjs/common';
import { PRUNE_EVENTS } from './event-statements.js';
import { LeaderEpochs, type Fence } from './leader-epochs.js';
import { DELETE_BELONGINGS, mayBeDeleted } from './job-statements.js';
import { PRUNE_LIVE_OUTPUTS } from './live-output-statements.js';
import { PrismaService } from './prisma.service.js';

/** How long finished jobs are kept, in milliseconds since their end. */
export interface Retention {
  readonly succeededMs: number;
  readonly cancelledMs: number;
  readonly expiredMs: number;
  readonly deadMs: number;
}

export interface PruneStep {
  readonly deleted: number;
  /** The last one that was looked at, or null when there are no older ones left. */
  readonly lastId: string | null;
}

/**
 * Looks at the next jobs in the order of their creation and deletes those whose time has come. Ids are UUIDv7, so the
 * first 48 bits are the time of creation and a job that is too young is never looked at: no index is needed for pruning,
 * which would cost something at the end of every job.
 * In: election, epoch; the id to go on from; how many to look at; four retentions in milliseconds.
 * Guard: the epoch stands. Rows: one. Index: the primary key.
 */
const PRUNE_JOBS = `/* prune_jobs */
WITH standing AS MATERIALIZED (
  SELECT 1 FROM leader_epochs WHERE election = $1 AND epoch = $2 FOR SHARE
),
kept_ms AS (SELECT least($5::float8, $6::float8, $7::float8, $8::float8) AS least_ms),
old AS MATERIALIZED (
  SELECT id, state, finished_at FROM jobs
  WHERE id > $3::uuid AND id < (
    SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000 - least_ms)::bigint), 12, '0') || repeat('0', 20))::uuid FROM kept_ms
  )
  ORDER BY id LIMIT $4
),
gone AS (
  DELETE FROM jobs USING old, standing
  WHERE jobs.id = old.id AND jobs.state = old.state AND old.finished_at < now() - interval '1 millisecond' *
    CASE old.state WHEN 'succeeded' THEN $5::float8 WHEN 'cancelled' THEN $6::float8 WHEN 'expired' THEN $7::float8
                   WHEN 'dead' THEN $8::float8 END
    AND ${mayBeDeleted('jobs')}
  RETURNING jobs.id, jobs.workflow_id
),
${DELETE_BELONGINGS}
SELECT (SELECT count(*)::int FROM gone) AS deleted, (SELECT id FROM old ORDER BY id DESC LIMIT 1) AS "lastId"`;

/** Idempotency-Keys are kept for this long, in milliseconds. */
const IDEMPOTENCY_KEPT_MS = 24 * 3_600_000;

const PRUNE_IDEMPOTENCY_KEYS = `/* prune_idempotency_keys */
WITH standing AS MATERIALIZED (
  SELECT 1 FROM leader_epochs WHERE election = $1 AND epoch = $2 FOR SHARE
)
DELETE FROM idempotency_keys USING standing WHERE key IN (
  SELECT key FROM idempotency_keys WHERE created_at < now() - $3::float8 * interval '1 millisecond' LIMIT $4)
RETURNING key`;

/** In: election, epoch; how long what was recorded is kept, in milliseconds; most rows. Index: occurrences_recorded_at_idx. */
const PRUNE_OCCURRENCES = `/* prune_occurrences */
WITH standing AS MATERIALIZED (
  SELECT 1 FROM leader_epochs WHERE election = $1 AND epoch = $2 FOR SHARE
)
DELETE FROM occurrences o USING standing, (
  SELECT schedule_id, due_at FROM occurrences WHERE recorded_at < now() - $3::float8 * interval '1 millisecond'
  ORDER BY recorded_at LIMIT $4) AS old
WHERE o.schedule_id = old.schedule_id AND o.due_at = old.due_at
RETURNING 1 AS one`;

/**
 * Looks at the next workflows that are over and deletes those of which no job is left.
 * In: election, epoch; the id to go on from; how many to look at. Rows: one. Index: the primary key, jobs_workflow_idx.
 */
const PRUNE_WORKFLOWS = `/* prune_workflows */
WITH standing AS MATERIALIZED (
  SELECT 1 FROM leader_epochs WHERE election = $1 AND epoch = $2 FOR SHARE
),
old AS MATERIALIZED (
  SELECT id, version FROM workflows WHERE id > $3::uuid AND finished_at IS NOT NULL ORDER BY id LIMIT $4
),
gone AS (
  DELETE FROM workflows w USING old, standing
  WHERE w.id = old.id AND w.version = old.version AND NOT EXISTS (SELECT 1 FROM jobs WHERE workflow_id = old.id)
  RETURNING w.id
)
SELECT (SELECT count(*)::int FROM gone) AS deleted, (SELECT id FROM old ORDER BY id DESC LIMIT 1) AS "lastId"`;

/**
 * In: election, epoch; how long entries are kept, in milliseconds; most rows. Ids are UUIDv7, so an entry that is too young
 * is never looked at. Index: the primary key.
 */
const PRUNE_AUDIT = `/* prune_audit */
WITH standing AS MATERIALIZED (
  SELECT 1 FROM leader_epochs WHERE election = $1 AND epoch = $2 FOR SHARE
)
DELETE FROM audit_log USING standing WHERE id IN (
  SELECT id FROM audit_log
  WHERE id < (lpad(to_hex((extract(epoch FROM now()) * 1000 - $3::float8)::bigint), 12, '0') || repeat('0', 20))::uuid
  ORDER BY id LIMIT $4)
RETURNING 1 AS one`;

@Injectable()
export class PruneRepository {
  constructor(
    private readonly prisma: PrismaService,
    private readonly epochs: LeaderEpochs,
  ) {}

  /** One step over `limit` jobs from after `fromId`. */
  async pruneJobs(
    fence: Fence,
    retention: Retention,
    fromId: string,
    limit: number,
  ): Promise<PruneStep | 'fenced'> {
    const [step] = await this.prisma.query<PruneStep>(
      PRUNE_JOBS,
      fence.election,
      fence.epoch,
      fromId,
      limit,
      retention.succeededMs,
      retention.cancelledMs,
      retention.expiredMs,
      retention.deadMs,
    );
    if (step === undefined) throw new Error('a SELECT without FROM returned no row');
    return step.deleted > 0 || (await this.epochs.stands(fence)) ? step : 'fenced';
  }

  /** One step over `limit` workflows from after `fromId`. */
  async pruneWorkflows(fence: Fence, fromId: string, limit: number): Promise<PruneStep> {
    const [step] = await this.prisma.query<PruneStep>(
      PRUNE_WORKFLOWS,
      fence.election,
      fence.epoch,
      fromId,
      limit,
    );
    if (step === undefined) throw new Error('a SELECT without FROM returned no row');
    return step;
  }

  /** @returns how many were deleted; `limit` of them means that there may be more */
  async pruneIdempotencyKeys(fence: Fence, limit: number): Promise<number> {
    const gone = await this.prisma.query<object>(
      PRUNE_IDEMPOTENCY_KEYS,
      fence.election,
      fence.epoch,
      IDEMPOTENCY_KEPT_MS,
      limit,
    );
    return gone.length;
  }

  /** @returns how many were deleted; `limit` of them means that there may be more */
  async pruneOccurrences(fence: Fence, keptMs: number, limit: number): Promise<number> {
    const gone = await this.prisma.query<object>(
      PRUNE_OCCURRENCES,
      fence.election,
      fence.epoch,
      keptMs,
      limit,
    );
    return gone.length;
  }

  /** @returns how many were deleted; `limit` of them means that there may be more */
  async pruneEvents(fence: Fence, keptMs: number, limit: number): Promise<number> {
    const [step] = await this.prisma.query<{ deleted: number }>(
      PRUNE_EVENTS,
      fence.election,
      fence.epoch,
      keptMs,
      limit,
    );
    return step?.deleted ?? 0;
  }

  /** What runs that have ended wrote while somebody followed them: the job has it now. @returns how many pieces went */
  async pruneLiveOutputs(fence: Fence, keptMs: number): Promise<number> {
    const gone = await this.prisma.query<object>(PRUNE_LIVE_OUTPUTS, fence.election, fence.epoch, keptMs);
    return gone.length;
  }

  /** @returns how many were deleted; `limit` of them means that there may be more */
  async pruneAudit(fence: Fence, keptMs: number, limit: number): Promise<number> {
    const gone = await this.prisma.query<object>(PRUNE_AUDIT, fence.election, fence.epoch, keptMs, limit);
    return gone.length;
  }
}
