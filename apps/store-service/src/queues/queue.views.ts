/** Queues as the API shows them. Each description is part of the API's documentation. */
import { z } from 'zod';
import { DRAIN_POLICIES } from '#common/domain/queue.js';
import { time, wholeNumber } from '../http/answer-fields.js';
import type { View } from '../http/operation.js';

const queueSettingsView = z
  .object({
    concurrency: wholeNumber
      .nullable()
      .describe('Most jobs in flight (handed over or running) in the whole cluster; null is no limit.'),
    concurrencyPerKey: wholeNumber.describe('Most jobs in flight for each concurrencyKey.'),
    rateLimit: z
      .object({ limit: wholeNumber, interval: wholeNumber.describe('Milliseconds.') })
      .nullable()
      .describe('Most jobs handed over in any interval, evenly spaced; null is no limit.'),
    drain: z
      .enum(DRAIN_POLICIES)
      .describe('By whom: `shared` by all executors, or `leader`, in strict order.'),
  })
  .meta({ id: 'QueueSettingsView', description: 'What the queue may do. It can be sent back as it is.' });

const queue = z.object({
  name: z.string(),
  state: z.enum(['active', 'paused']).describe('Nothing of a paused queue starts.'),
  settings: queueSettingsView,
  counts: z
    .object({ scheduled: wholeNumber, queued: wholeNumber, running: wholeNumber, dead: wholeNumber })
    .describe('Jobs by state. Counting ends at `countedTo`: that number means as many or more.'),
  countedTo: wholeNumber,
  version: wholeNumber.describe('Counts changes; its ETag.'),
  createdAt: time,
  updatedAt: time,
});

export const queueSchema = queue.meta({ id: 'Queue', description: 'A named stream of jobs.' });
export type QueueView = View<typeof queueSchema>;

export const appliedQueueSchema = queue
  .extend({ applied: z.enum(['created', 'updated', 'unchanged']).describe('What the request did.') })
  .meta({ id: 'AppliedQueue', description: 'The queue, and what became of it.' });
export type AppliedQueueView = View<typeof appliedQueueSchema>;

export const queuePageSchema = z
  .object({
    queues: z.array(queueSchema),
    nextAfter: z
      .string()
      .nullable()
      .describe('Goes into `after` of the next request; null on the last page.'),
  })
  .meta({ id: 'QueuePage', description: 'Queues, by name.' });
export type QueuePageView = View<typeof queuePageSchema>;
