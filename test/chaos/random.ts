/** Chance that can be had again: the same seed and stream give the same numbers, on every machine. */
import { createHash } from 'node:crypto';

export class Random {
  #drawn = 0;

  /** @param stream names what the numbers are for, so that one more draw here changes nothing elsewhere */
  constructor(
    private readonly seed: number,
    private readonly stream: string,
  ) {}

  /** In [0, 1). */
  next(): number {
    const digest = createHash('sha256').update(`${this.seed}/${this.stream}/${this.#drawn}`).digest();
    this.#drawn += 1;
    return digest.readUIntBE(0, 6) / 2 ** 48;
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.next() * items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    return items
      .map((item) => ({ item, key: this.next() }))
      .sort((a, b) => a.key - b.key)
      .map(({ item }) => item);
  }
}
