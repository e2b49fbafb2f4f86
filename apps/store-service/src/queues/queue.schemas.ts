/** What clients may send about queues. Each description is part of the API's documentation. */
import { z } from 'zod';
import { queueName } from '#common/config/names.js';
import {
  CONCURRENCY,
  DRAIN_POLICIES,
  RATE_INTERVAL_MS,
  RATE_LIMIT,
  UNLIMITED,
  type QueueSettings,
} from '#common/domain/queue.js';
import { pageLimit } from '../http/fields.js';
import { duration } from '../jobs/job.schemas.js';

const places = z.int().min(CONCURRENCY.min).max(CONCURRENCY.max);

/** All settings of a queue: what is not given is as it is in a new queue. */
export const queueSettingsSchema = z
  .strictObject({
    concurrency: places
      .nullable()
      .default(UNLIMITED.concurrency)
      .describe('Most jobs in flight (handed over or running) in the whole cluster; null is no limit.'),
    concurrencyPerKey: places
      .default(UNLIMITED.concurrencyPerKey)
      .describe('Most jobs in flight for each concurrencyKey.'),
    rateLimit: z
      .strictObject({
        limit: z.int().min(RATE_LIMIT.min).max(RATE_LIMIT.max).describe('How many jobs.'),
        interval: duration(RATE_INTERVAL_MS.min, RATE_INTERVAL_MS.max).describe('In any interval this long.'),
      })
      .nullable()
      .default(null)
      .describe('Most jobs handed over in any interval, evenly spaced; null is no limit.'),
    drain: z
      .enum(DRAIN_POLICIES)
      .default(UNLIMITED.drain)
      .describe(
        '`shared`: by all executors that take its jobs. `leader`: by one elected executor alone and in strict order, one job at a time; nobody overtakes the one whose turn it is.',
      ),
  })
  .superRefine(({ drain, concurrency, rateLimit }, context) => {
    if (drain === 'shared') return;
    const message = 'must be null with drain leader: one job at a time is all there is';
    if (concurrency !== null) context.addIssue({ code: 'custom', path: ['concurrency'], message });
    if (rateLimit !== null) context.addIssue({ code: 'custom', path: ['rateLimit'], message });
  });

export type GivenQueueSettings = z.output<typeof queueSettingsSchema>;

export function toQueueSettings({ rateLimit, ...rest }: GivenQueueSettings): QueueSettings {
  return {
    ...rest,
    rateLimit: rateLimit === null ? null : { limit: rateLimit.limit, intervalMs: rateLimit.interval },
  };
}

export const queueNameSchema = z.strictObject({
  name: queueName.meta({ description: 'Name of the queue.', examples: ['mail'] }),
});

export const listQueuesSchema = z.strictObject({
  after: queueName.optional().describe('Only queues behind this one: nextAfter of the answer before.'),
  limit: pageLimit,
});
export type ListQueues = z.output<typeof listQueuesSchema>;
