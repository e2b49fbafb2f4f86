/** What the living executors can take: slots for each queue, and how long each type takes them. */
import { Injectable } from '@nestjs/common';
import { ExecutorRepository, type ExecutorStatus } from '#common/database/executor.repository.js';

@Injectable()
export class Capacity {
  #executors: readonly ExecutorStatus[] = [];
  #readAt = -Infinity;

  constructor(private readonly repository: ExecutorRepository) {}

  /** Looks again, unless the last look was less than `maxAgeMs` ago and found somebody. */
  async refresh(maxAgeMs: number): Promise<void> {
    const now = performance.now();
    if (this.#executors.length > 0 && now - this.#readAt < maxAgeMs) return;
    this.#executors = (await this.repository.living()).filter(({ draining }) => !draining);
    this.#readAt = now;
  }

  slots(queue: string): number {
    return this.#serving(queue).reduce((sum, { slots }) => sum + slots, 0);
  }

  /** Mean duration of one type on the executors that serve the queue, in milliseconds; undefined when it never ran there. */
  meanMs(queue: string, type: string): number | undefined {
    return mean(this.#serving(queue).map(({ meanMs }) => meanMs[type]));
  }

  /** The same over all types. */
  overallMeanMs(queue: string): number | undefined {
    return mean(this.#serving(queue).flatMap(({ meanMs }) => Object.values(meanMs)));
  }

  #serving(queue: string): ExecutorStatus[] {
    return this.#executors.filter(({ queues }) => queues.length === 0 || queues.includes(queue));
  }
}

function mean(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length;
}
