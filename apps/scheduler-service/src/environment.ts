/** Settings of the scheduler. */
import { z } from 'zod';
import {
  databaseEnvironment,
  durationText,
  identityEnvironment,
  processEnvironment,
  redisEnvironment,
  wholeNumber,
  zookeeperEnvironment,
} from '#common/config/environment.js';

const retention = (fallback: string, state: string) =>
  durationText(60_000, 100 * 365 * 24 * 3_600_000)
    .prefault(fallback)
    .describe(`How long ${state} jobs are kept after their end, such as 12h or 7d.`);

export const schedulerSettings = z.object({
  SCHEDULER_SERVICE_PORT: wholeNumber(0, 65_535)
    .default(3001)
    .describe('Port of the health endpoints; 0 takes any free one.'),
  SCHEDULER_SERVICE_HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Address the health endpoints listen on.'),
  RETENTION_SUCCEEDED: retention('7d', 'succeeded'),
  RETENTION_CANCELLED: retention('7d', 'cancelled'),
  RETENTION_EXPIRED: retention('7d', 'expired'),
  RETENTION_DEAD: retention('30d', 'dead'),
  RETENTION_OCCURRENCES: durationText(60_000, 100 * 365 * 24 * 3_600_000)
    .prefault('30d')
    .describe('How long the ledger keeps what became of the due times of schedules, such as 30d.'),
  RETENTION_AUDIT: durationText(60_000, 100 * 365 * 24 * 3_600_000)
    .prefault('90d')
    .describe('How long the audit log keeps who changed what, such as 90d.'),
  SCHEDULER_SHARDS: wholeNumber(1, 64)
    .default(1)
    .describe(
      'Into how many shards the queues are divided; each has its own leader. The same for all schedulers.',
    ),
});

export const schedulerEnvironment = processEnvironment
  .and(identityEnvironment)
  .and(databaseEnvironment)
  .and(redisEnvironment)
  .and(zookeeperEnvironment)
  .and(schedulerSettings);

export type SchedulerEnvironment = z.infer<typeof schedulerEnvironment>;
