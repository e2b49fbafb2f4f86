/** When jobs of type `stamp` were started, as their results tell. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Trio } from '../stand/trio.js';

export interface Stamp {
  readonly id: string;
  readonly runAtMs: number;
  /** By the clock that spans between processes are taken with. */
  readonly monotonicMs: number;
  /** By the clock that due times are told in. */
  readonly wallMs: number;
}

/** @throws unless that many have succeeded within the time */
export async function stampsOf(trio: Trio, count: number, withinMs: number): Promise<Stamp[]> {
  for (const deadline = Date.now() + withinMs; ; await pause(100)) {
    const stamps = await trio.query<Stamp>(
      `SELECT id, (extract(epoch FROM run_at) * 1000)::float8 AS "runAtMs",
              (result ->> 'monotonicMs')::float8 AS "monotonicMs", (result ->> 'wallMs')::float8 AS "wallMs"
       FROM jobs WHERE type = 'stamp' AND state = 'succeeded'`,
    );
    if (stamps.length === count) return stamps;
    if (Date.now() > deadline)
      throw new Error(`${stamps.length} of ${count} jobs have succeeded within ${withinMs} ms`);
  }
}
