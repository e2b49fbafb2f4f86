/** Passes chunks on later and in order, as a long wire would. */

interface Underway {
  readonly chunk: Buffer;
  readonly dueAt: number;
}

export class DelayLine {
  #underway: Underway[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly deliver: (chunk: Buffer) => void) {}

  /** Nothing overtakes: a chunk leaves no earlier than the one before it, whatever its own delay. */
  send(chunk: Buffer, delayMs: number): void {
    if (delayMs === 0 && this.#underway.length === 0) {
      this.deliver(chunk);
      return;
    }
    this.#underway.push({ chunk, dueAt: performance.now() + delayMs });
    this.#schedule();
  }

  /** What is underway is lost. */
  close(): void {
    clearTimeout(this.#timer);
    this.#underway = [];
  }

  #schedule(): void {
    const [first] = this.#underway;
    if (first === undefined || this.#timer !== undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        const now = performance.now();
        while (this.#underway[0] !== undefined && this.#underway[0].dueAt <= now + 1) {
          const next = this.#underway.shift();
          if (next !== undefined) this.deliver(next.chunk);
        }
        this.#schedule();
      },
      Math.max(0, first.dueAt - performance.now()),
    );
  }
}
