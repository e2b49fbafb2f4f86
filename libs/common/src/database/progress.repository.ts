/** How far running jobs are: written by their executors, about once a second, and shown with the job. */
import { Injectable } from '@nestjs/common';
import type { AttemptProgress, Progress } from '#common/domain/progress.js';
import { WITHOUT_FSYNC } from './job-statements.js';
import { PrismaService } from './prisma.service.js';

/**
 * In: executor; arrays of job, delivery, attempt, percent and message. Guard: that very run of the job, by that executor;
 * one that has ended meanwhile still counts, until the next one begins. Rows: none.
 */
const WRITE_PROGRESS = `/* write_progress */
WITH ${WITHOUT_FSYNC}
INSERT INTO job_progress AS p (job_id, attempt, percent, message)
SELECT told.job_id, told.attempt, told.percent, told.message
FROM nosync, unnest($2::uuid[], $3::int[], $4::int[], $5::float8[], $6::text[])
  AS told(job_id, delivery, attempt, percent, message)
JOIN jobs ON jobs.id = told.job_id AND jobs.executor_id = $1::uuid
  AND jobs.delivery = told.delivery AND jobs.attempt = told.attempt
ORDER BY told.job_id
ON CONFLICT (job_id) DO UPDATE SET attempt = excluded.attempt, percent = excluded.percent,
  message = excluded.message, updated_at = excluded.updated_at`;

/** In: job. Rows: what its latest attempt told last, or none. */
const READ_PROGRESS = `/* read_progress */
SELECT percent, message, p.updated_at AS "updatedAt"
FROM job_progress p JOIN jobs ON jobs.id = p.job_id AND jobs.attempt = p.attempt
WHERE p.job_id = $1::uuid`;

export interface KnownProgress extends Progress {
  readonly updatedAt: Date;
}

@Injectable()
export class ProgressRepository {
  constructor(private readonly prisma: PrismaService) {}

  async write(executorId: string, told: readonly AttemptProgress[]): Promise<void> {
    await this.prisma.query(
      WRITE_PROGRESS,
      executorId,
      told.map(({ jobId }) => jobId),
      told.map(({ delivery }) => delivery),
      told.map(({ attempt }) => attempt),
      told.map(({ percent }) => percent),
      told.map(({ message }) => message),
    );
  }

  /** What the latest attempt told last; undefined when it told nothing. */
  async of(jobId: string): Promise<KnownProgress | undefined> {
    const [progress] = await this.prisma.query<KnownProgress>(READ_PROGRESS, jobId);
    return progress;
  }
}
