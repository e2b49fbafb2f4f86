/** How many jobs start and end in a second, by queue: counted from the live events of the last seconds. */
import type { JobEvent } from '../answers.js';

export interface Rates {
  /** Each per second. */
  readonly started: number;
  readonly succeeded: number;
  readonly failed: number;
}

type Kind = keyof Rates;

/** What is older does not count any more, in milliseconds. */
const WINDOW_MS = 10_000;
const BUCKET_MS = 500;

interface Bucket {
  readonly from: number;
  readonly counts: Map<string, Record<Kind, number>>;
}

export class RateMeter {
  #buckets: Bucket[] = [];
  readonly #since: number;

  /** @param now milliseconds of any clock that only goes forward; the same in every call */
  constructor(now: number) {
    this.#since = now;
  }

  count({ queue, change, state }: Pick<JobEvent, 'queue' | 'change' | 'state'>, now: number): void {
    const kind = change === 'state' ? kindOf(state) : undefined;
    if (kind === undefined) return;
    const { counts } = this.#bucketAt(now);
    const of = counts.get(queue) ?? { started: 0, succeeded: 0, failed: 0 };
    counts.set(queue, { ...of, [kind]: of[kind] + 1 });
  }

  /** @param queue of all queues when not given */
  rates(now: number, queue?: string): Rates {
    this.#forget(now);
    const seconds = Math.max(BUCKET_MS, Math.min(WINDOW_MS, now - this.#since)) / 1000;
    const rate = (kind: Kind) =>
      this.#buckets
        .flatMap(({ counts }) => (queue === undefined ? [...counts.values()] : (counts.get(queue) ?? [])))
        .reduce((sum, of) => sum + of[kind], 0) / seconds;
    return { started: rate('started'), succeeded: rate('succeeded'), failed: rate('failed') };
  }

  #bucketAt(now: number): Bucket {
    const last = this.#buckets.at(-1);
    if (last !== undefined && now < last.from + BUCKET_MS) return last;
    this.#forget(now);
    const bucket = { from: now, counts: new Map<string, Record<Kind, number>>() };
    this.#buckets.push(bucket);
    return bucket;
  }

  #forget(now: number): void {
    this.#buckets = this.#buckets.filter(({ from }) => from > now - WINDOW_MS);
  }
}

function kindOf(state: JobEvent['state']): Kind | undefined {
  if (state === 'running') return 'started';
  if (state === 'succeeded') return 'succeeded';
  return state === 'dead' ? 'failed' : undefined;
}
