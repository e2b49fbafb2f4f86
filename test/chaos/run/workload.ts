/** Submits a planned workload at its planned times, however slow the system is: clients do not wait for each other. */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ROOT } from '#tools/root.js';
import type { WorkItem } from '../plan/workload-plan.js';
import type { Client } from './client.js';

const SCRIPT = join(ROOT, 'test', 'chaos', 'job.sh');

/** The body of a command job that keeps the ledger. */
export function commandBody(ledgerFile: string, workMs: number, failUntil: number) {
  return {
    payload: {
      command: `sh ${quoted(SCRIPT)} ${workMs / 1000} ${failUntil}`,
      env: { LEDGER: ledgerFile },
    },
  };
}

export class Workload {
  readonly #inFlight = new Set<Promise<void>>();

  constructor(
    private readonly client: Client,
    private readonly ledgerFile: string,
  ) {}

  /** Resolves when the signal aborts and every submission has come to an end. */
  async drive(items: readonly WorkItem[], signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    for (const item of items) {
      const waitMs = item.atMs - (performance.now() - startedAt);
      if (waitMs > 0) await pause(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) break;
      const submission = this.#submit(item).finally(() => this.#inFlight.delete(submission));
      this.#inFlight.add(submission);
    }
    await Promise.all(this.#inFlight);
  }

  async #submit(item: WorkItem): Promise<void> {
    const { name, type, queue, priority, delayMs, maxAttempts, retryDelayMs, persistent } = item;
    const own =
      type === 'print'
        ? { payload: { text: name } }
        : commandBody(this.ledgerFile, item.workMs, item.failUntil);
    const jobId = await this.client.submit({
      name,
      type,
      persistent,
      hopeless: item.failUntil >= maxAttempts,
      body: {
        ...own,
        queue,
        priority,
        delay: delayMs,
        maxAttempts,
        retry: { strategy: 'fixed', delay: retryDelayMs },
      },
    });
    if (jobId === undefined || item.cancelAfterMs === undefined) return;
    await pause(item.cancelAfterMs);
    await this.client.cancel(jobId);
  }
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`;
}
