/** Queues as tables for people. */
import type { Queue } from './answers.js';
import { renderTable, type TableStyle } from './tables.js';
import { formatDuration, oneLine } from './text.js';

export function queuesTable(queues: readonly Queue[], style: TableStyle): string {
  return renderTable(
    ['NAME', 'STATE', 'CONCURRENCY', 'PER KEY', 'RATE', 'DRAIN', 'SCHEDULED', 'QUEUED', 'RUNNING', 'DEAD'],
    queues.map((queue) => {
      const { name, state, settings, counts } = queue;
      const count = (jobs: number) => (jobs < queue.countedTo ? String(jobs) : `${queue.countedTo}+`);
      return [
        oneLine(name),
        state,
        settings.concurrency === null ? '-' : String(settings.concurrency),
        String(settings.concurrencyPerKey),
        rateOf(settings.rateLimit),
        oneLine(settings.drain),
        count(counts.scheduled),
        count(counts.queued),
        count(counts.running),
        count(counts.dead),
      ];
    }),
    style,
  );
}

function rateOf(rate: Queue['settings']['rateLimit']): string {
  return rate === null ? '-' : `${rate.limit} in ${formatDuration(rate.interval)}`;
}
