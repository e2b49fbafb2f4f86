/** Looks every second at how many jobs wait and how much memory the services hold, while something else goes on. */
import { setTimeout as pause } from 'node:timers/promises';
import { countUnfinished } from '../stand/jobs.js';
import { memoryBytes } from '../stand/machine.js';
import type { Trio } from '../stand/trio.js';

export interface Sample {
  /** Jobs that wait, have been handed over, or run. */
  readonly backlog: number;
  /** Of all services together, in bytes. */
  readonly memory: number;
}

const EVERY_MS = 1000;

/** @returns what `work` resolves with, and a sample for every second that it took */
export async function sampledEverySecond<Value>(
  trio: Trio,
  work: () => Promise<Value>,
): Promise<{ value: Value; samples: Sample[] }> {
  const samples: Sample[] = [];
  const stop = new AbortController();
  const sampling = async () => {
    while (!stop.signal.aborted) {
      // Woken by the end of the work, which is no fault.
      await pause(EVERY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      if (!stop.signal.aborted) samples.push(await sample(trio));
    }
  };
  const working = async () => {
    try {
      return await work();
    } finally {
      stop.abort();
    }
  };
  const [value] = await Promise.all([working(), sampling()]);
  return { value, samples };
}

async function sample(trio: Trio): Promise<Sample> {
  const memory = trio.running.reduce((sum, { pid }) => sum + memoryBytes(pid), 0);
  return { backlog: await countUnfinished(trio.db), memory };
}
