/**
 * Gathers what handlers tell of their progress. However often they do, only the latest of each job is written, once a
 * second, and all jobs of the executor share one statement.
 */
import type { AttemptProgress } from '#common/domain/progress.js';

export class ProgressBoard {
  #told = new Map<string, AttemptProgress>();

  tell(progress: AttemptProgress): void {
    this.#told.set(progress.jobId, progress);
  }

  /** Writes what was told since the last time; what cannot be written is kept, unless something newer is told. */
  async flush(write: (told: readonly AttemptProgress[]) => Promise<void>): Promise<void> {
    if (this.#told.size === 0) return;
    const taken = this.#told;
    this.#told = new Map();
    try {
      await write([...taken.values()]);
    } catch (error) {
      this.#told = new Map([...taken, ...this.#told]);
      throw error;
    }
  }
}
