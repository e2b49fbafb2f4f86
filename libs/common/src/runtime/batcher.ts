/**
 * Turns single calls into batches that form under load and vanish when idle: a lone item goes out at once; while a
 * batch is under way, what arrives gathers for the next one. No timer, so nothing waits longer than the batch before it.
 */

export interface BatcherOptions<Item, Result> {
  /** Handles the items together and returns one result for each, in their order. */
  readonly flush: (items: Item[]) => Promise<Result[]>;
  /** Most items in one batch; by `sizeOf` when that is given. An item that is larger goes alone. */
  readonly maxItems: number;
  /** How many an item counts for. Default 1. */
  readonly sizeOf?: (item: Item) => number;
  /** Batches under way at the same time. Default 1. */
  readonly concurrency?: number;
  /** Says of an error that it is the fault of a single item, so that its batch is split until the culprit stands alone. */
  readonly isItemFault?: (error: unknown) => boolean;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

export class Batcher<Item, Result> {
  readonly #options: BatcherOptions<Item, Result>;
  #waiting: Waiting<Item, Result>[] = [];
  #underWay = 0;
  #scheduled = false;

  constructor(options: BatcherOptions<Item, Result>) {
    this.#options = options;
  }

  /** Resolves with the item's own result. @throws what `flush` threw for its batch */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#underWay >= (this.#options.concurrency ?? 1)) return;
    this.#scheduled = true;
    // After the current round of I/O, so that requests which were read together are flushed together.
    setImmediate(() => {
      this.#scheduled = false;
      const batch = this.#waiting.splice(0, this.#batchLength());
      if (batch.length === 0) return;
      this.#underWay += 1;
      void this.#flush(batch).finally(() => {
        this.#underWay -= 1;
        if (this.#waiting.length > 0) this.#schedule();
      });
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  /** How many of those that wait go into the next batch. */
  #batchLength(): number {
    const { maxItems, sizeOf } = this.#options;
    if (sizeOf === undefined) return maxItems;
    let total = 0;
    const end = this.#waiting.findIndex(({ item }, index) => {
      total += sizeOf(item);
      return total > maxItems && index > 0;
    });
    return end === -1 ? this.#waiting.length : end;
  }

  async #flush(batch: Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.#options.flush(batch.map(({ item }) => item));
      for (const [index, { resolve }] of batch.entries()) resolve(results[index] as Result);
    } catch (error) {
      if (batch.length > 1 && this.#options.isItemFault?.(error) === true) {
        const middle = Math.ceil(batch.length / 2);
        await this.#flush(batch.slice(0, middle));
        await this.#flush(batch.slice(middle));
      } else {
        for (const { reject } of batch) reject(error);
      }
    }
  }
}
