/** Ends jobs that have not started in time. The claim and the start refuse them already; this gives them their end. */
import { Injectable } from '@nestjs/common';
import { EVENT_COLUMNS, recordEvents } from './event-statements.js';
import { LeaderEpochs, type Fence } from './leader-epochs.js';
import { PrismaService } from './prisma.service.js';

/** In how many milliseconds the next job expires, negative when overdue. Rows: one. Index: jobs_expiry_idx. */
const NEXT_EXPIRY = `/* next_expiry */
SELECT extract(epoch FROM min(expirable_at) - clock_timestamp())::float8 * 1000 AS "expiresInMs"
FROM jobs WHERE expirable_at IS NOT NULL`;

/**
 * Expire: ends jobs whose time to start has passed, longest overdue first.
 * In: election, epoch, most rows.
 * Guard: the epoch stands; scheduled or queued, and never started (expirable_at says so). A job that somebody is just
 * starting or cancelling is left to them. Those that depend on it are told by the leader, like after any end of which whoever
 * brought it about did not tell (dependency-statements.ts).
 * Rows: id of each. Index: jobs_expiry_idx.
 */
const EXPIRE_JOBS = `/* expire_jobs */
WITH standing AS MATERIALIZED (
  SELECT 1 FROM leader_epochs WHERE election = $1 AND epoch = $2 FOR SHARE
),
overdue AS MATERIALIZED (
  SELECT late.id FROM standing, LATERAL (
    SELECT id FROM jobs WHERE expirable_at <= now() ORDER BY expirable_at LIMIT $3 FOR UPDATE SKIP LOCKED
  ) AS late
),
expired AS (
  UPDATE jobs SET state = 'expired', finished_at = now()
  FROM overdue WHERE jobs.id = overdue.id AND state IN ('scheduled', 'queued') AND expirable_at <= now()
  RETURNING ${EVENT_COLUMNS}
),
${recordEvents('expired')}
SELECT id FROM expired`;

@Injectable()
export class ExpiryRepository {
  constructor(
    private readonly prisma: PrismaService,
    private readonly epochs: LeaderEpochs,
  ) {}

  /** In how many milliseconds the next job expires, not positive when one is overdue; null when none ever does. */
  async nextInMs(): Promise<number | null> {
    const [next] = await this.prisma.query<{ expiresInMs: number | null }>(NEXT_EXPIRY);
    return next?.expiresInMs ?? null;
  }

  /** @returns how many jobs were ended; `limit` of them means that there may be more. 'fenced' when the epoch is stale */
  async expire(fence: Fence, limit: number): Promise<number | 'fenced'> {
    const rows = await this.prisma.query<{ id: string }>(EXPIRE_JOBS, fence.election, fence.epoch, limit);
    return rows.length > 0 || (await this.epochs.stands(fence)) ? rows.length : 'fenced';
  }
}
