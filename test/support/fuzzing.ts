/** What the tests share that send random requests: how many, in which order, and what they do to a store. */
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import type { Cluster } from './cluster.js';

/** The full size is 50000. */
export const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 2000);
export const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const AT_ONCE = 32;
const TRIES = 5;
/** So often the store's memory is looked at during a run. */
const SAMPLES = 100;
/**
 * How many answers may ask to be tried again: on a busy machine no connection to Postgres may be free for five seconds, or
 * the session with ZooKeeper interrupted, but seldom.
 */
export const MOST_TRIED_AGAIN = Math.max(3, Math.ceil(REQUESTS / 1000));
/**
 * By how many MB the store's memory may grow from the middle fifth of a run to its last: what a process of 200 MB takes and
 * gives back between two collections. A leak of 2.5 KB in each request goes beyond it in a run of the full size.
 */
export const MOST_GROWTH_MB = 50;
/** Made at once, so that not all requests are in memory. */
const CHUNK = 500;
/** The only queue that is drained: random texts become commands too, in other queues, and those must not run. */
export const DRAINED_QUEUE = 'drained';
export const FUZZ_SETTINGS = { EXECUTOR_QUEUES: DRAINED_QUEUE };

function* samples<Item>(arbitrary: fc.Arbitrary<Item>): Generator<Item> {
  for (let from = 0; from < REQUESTS; from += CHUNK)
    yield* fc.sample(arbitrary, { numRuns: Math.min(CHUNK, REQUESTS - from), seed: SEED + from });
}

/**
 * Does `one` with as many random items as were asked for, some at a time.
 * @param watched the cluster whose first store must not grow
 * @returns what the store's memory was in the middle fifth and in the last one, in MB: the medians
 */
export async function fuzz<Item>(
  arbitrary: fc.Arbitrary<Item>,
  watched: Cluster,
  one: (item: Item) => Promise<void>,
): Promise<{ middleMb: number; lastMb: number }> {
  const items = samples(arbitrary);
  const seenMb: number[] = [];
  let taken = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let next = items.next(); next.done !== true; next = items.next()) {
        if (taken++ % Math.ceil(REQUESTS / SAMPLES) === 0) seenMb.push(await residentMb(watched));
        await one(next.value);
      }
    }),
  );
  const medianOf = (fifth: number) => {
    const part = seenMb.slice((seenMb.length * (fifth - 1)) / 5, (seenMb.length * fifth) / 5);
    return part.sort((a, b) => a - b)[Math.floor(part.length / 2)] ?? Number.NaN;
  };
  return { middleMb: medianOf(3), lastMb: medianOf(5) };
}

/** Tries as often as a client would that is told to try again, and counts how often it was told so. */
export class Patience {
  triedAgain = 0;

  async make<Outcome>(
    attempt: () => Promise<Outcome>,
    isToBeTriedAgain: (outcome: Outcome) => boolean,
  ): Promise<Outcome> {
    for (let tries = 1; ; tries += 1) {
      const outcome = await attempt();
      if (!isToBeTriedAgain(outcome)) return outcome;
      this.triedAgain += 1;
      if (tries === TRIES) return outcome;
    }
  }
}

async function residentMb(cluster: Cluster): Promise<number> {
  const statm = await readFile(`/proc/${cluster.of('store')[0]?.pid}/statm`, 'utf8');
  return (Number(statm.split(' ')[1]) * 4096) / 1e6;
}

/** For whoever reads the output of the run. */
export function tell(what: Readonly<Record<string, number>>): void {
  process.stdout.write(`${REQUESTS} requests: ${JSON.stringify(what)}\n`);
}

export function storeLog(cluster: Cluster): Promise<string> {
  return readFile(cluster.of('store')[0]?.logPath ?? '', 'utf8');
}
