/** One at a time for each key, in order of arrival; keys do not wait for each other. */
export class KeyedTurns {
  /** When whoever came last for a key will be done. */
  readonly #last = new Map<string, Promise<void>>();

  /** How many keys somebody works or waits for. */
  get keys(): number {
    return this.#last.size;
  }

  /** Works when all who came before for the same key are done, however that went. */
  async take<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const turn = (this.#last.get(key) ?? Promise.resolve()).then(work);
    const done = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(key, done);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === done) this.#last.delete(key);
    }
  }
}
