/** Queues as the API shows them. What it shows of the settings is what it takes: it can be sent back as it is. */
import type { JobCounts, Queue } from '#common/database/queue.repository.js';
import { COUNTED } from '#common/database/queue-statements.js';
import type { QueueView } from './queue.views.js';

export function presentQueue(queue: Queue, counts: JobCounts): QueueView {
  const { scheduled = 0, queued = 0, running = 0, dead = 0 } = counts;
  return {
    name: queue.name,
    state: queue.paused ? 'paused' : 'active',
    settings: {
      concurrency: queue.concurrency,
      concurrencyPerKey: queue.concurrencyPerKey,
      rateLimit:
        queue.rateLimit === null
          ? null
          : { limit: queue.rateLimit.limit, interval: queue.rateLimit.intervalMs },
      drain: queue.drain,
    },
    counts: { scheduled, queued, running, dead },
    countedTo: COUNTED,
    version: queue.version,
    createdAt: queue.createdAt.toISOString(),
    updatedAt: queue.updatedAt.toISOString(),
  };
}
