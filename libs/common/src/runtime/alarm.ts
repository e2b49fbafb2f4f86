/** A sleep that can be cut short: the building block of every loop that polls as a safety net and is woken by hints. */
export class Alarm {
  #rung = false;
  #wake: (() => void) | undefined;

  /** Ends the current sleep, or the next one if nobody sleeps, so that a hint is never missed. */
  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves after `ms` milliseconds, when rung, or when `signal` aborts; it never throws. */
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (!this.#rung && signal?.aborted !== true && ms > 0) {
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', done);
          this.#wake = undefined;
          resolve();
        };
        const timer = setTimeout(done, ms);
        signal?.addEventListener('abort', done, { once: true });
        this.#wake = done;
      });
    }
    this.#rung = false;
  }
}
