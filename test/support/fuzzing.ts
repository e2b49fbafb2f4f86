/** What the tests share that send random requests: how many, in which order, and what they do to a store. */
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import type { Cluster } from './cluster.js';

/** The full size is 50000. */
export const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 2000);
export const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const AT_ONCE = 32;
const TRIES = 5;
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
 * @returns by how much the store's memory grew after the first fifth, in MB, and what it was then
 */
export async function fuzz<Item>(
  arbitrary: fc.Arbitrary<Item>,
  watched: Cluster,
  one: (item: Item) => Promise<void>,
): Promise<{ warmMb: number; endMb: number }> {
  const items = samples(arbitrary);
  let taken = 0;
  let warmMb = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let next = items.next(); next.done !== true; next = items.next()) {
        if (taken++ === Math.floor(REQUESTS / 5)) warmMb = await residentMb(watched);
        await one(next.value);
      }
    }),
  );
  return { warmMb, endMb: await residentMb(watched) };
}

/**
 * Tries as often as a client would that is told to try again: on a busy machine no connection to Postgres may be free for
 * five seconds, or the session with ZooKeeper interrupted.
 */
export async function patiently<Outcome>(
  attempt: () => Promise<Outcome>,
  isToBeTriedAgain: (outcome: Outcome) => boolean,
): Promise<Outcome> {
  let outcome = await attempt();
  for (let tries = 1; tries < TRIES && isToBeTriedAgain(outcome); tries += 1) outcome = await attempt();
  return outcome;
}

export async function residentMb(cluster: Cluster): Promise<number> {
  const statm = await readFile(`/proc/${cluster.of('store')[0]?.pid}/statm`, 'utf8');
  return (Number(statm.split(' ')[1]) * 4096) / 1e6;
}

/** How much of the store's memory may be what comes and goes. */
export const mostMb = (warmMb: number) => warmMb * 1.5 + 50;

export function storeLog(cluster: Cluster): Promise<string> {
  return readFile(cluster.of('store')[0]?.logPath ?? '', 'utf8');
}
