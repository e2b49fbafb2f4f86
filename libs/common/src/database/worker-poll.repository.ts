/**
 * What workers outside have come for lately. They announce nothing of themselves, so their asking for jobs is the only sign
 * that they live; stores share it here, and "why" looks it up.
 */
import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { LeasableJobs } from './leasing.repository.js';
import { PrismaService } from './prisma.service.js';

/**
 * In: id, types, queues, and for how many milliseconds they count as asking. Whatever nobody has come for in an hour is
 * forgotten on the way.
 */
const NOTE_POLL = `/* note_poll */
WITH forgotten AS (
  DELETE FROM worker_polls WHERE id IN (
    SELECT id FROM worker_polls WHERE until < now() - interval '1 hour' AND id <> $1 FOR UPDATE SKIP LOCKED)
)
INSERT INTO worker_polls AS known (id, types, queues, until)
VALUES ($1, $2::text[], $3::text[], now() + $4::float8 * interval '1 millisecond')
ON CONFLICT (id) DO UPDATE SET until = greatest(known.until, excluded.until)`;

@Injectable()
export class WorkerPollRepository {
  constructor(private readonly prisma: PrismaService) {}

  /** Somebody asks for such jobs, and counts as asking for so long. */
  async note({ types, queues }: LeasableJobs, forMs: number): Promise<void> {
    const id = createHash('sha256')
      .update(JSON.stringify([types, queues]))
      .digest('hex');
    await this.prisma.query<object>(NOTE_POLL, id, types, queues ?? [], forMs);
  }
}
