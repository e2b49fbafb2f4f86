/** Room for a fixed number at a time; the rest wait in order of arrival. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(readonly size: number) {
    this.#free = size;
  }

  get used(): number {
    return this.size - this.#free;
  }

  /** Resolves with the function that gives the place back; it must be called exactly once. */
  async acquire(): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return () => this.#release();
  }

  #release(): void {
    const next = this.#waiting.shift();
    // The place passes on without becoming free in between, so nobody can overtake.
    if (next === undefined) this.#free += 1;
    else next();
  }
}
