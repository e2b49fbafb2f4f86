/** When jobs of type `stamp` were started, as their results tell. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Session } from '../stand/session.js';

export interface Stamp {
  readonly id: string;
  readonly runAtMs: number;
  /** By the clock that spans between processes are taken with. */
  readonly monotonicMs: number;
  /** By the clock that due times are told in. */
  readonly wallMs: number;
}

export interface Wanted {
  readonly count: number;
  /** Only those that were due from then on, in milliseconds since the epoch. */
  readonly dueFromMs?: number;
  /** Nobody looks before: looking costs the system time. */
  readonly lookFromMs?: number;
  /** How long to look, in milliseconds. */
  readonly withinMs: number;
}

/** @throws unless exactly that many have succeeded within the time */
export async function stampsOf(
  db: Session,
  { count, dueFromMs = 0, lookFromMs = 0, withinMs }: Wanted,
): Promise<Stamp[]> {
  await pause(Math.max(0, lookFromMs - Date.now()));
  for (const deadline = Date.now() + withinMs; ; await pause(200)) {
    const stamps = await db.query<Stamp>(
      `SELECT id, (extract(epoch FROM run_at) * 1000)::float8 AS "runAtMs",
              (result ->> 'monotonicMs')::float8 AS "monotonicMs", (result ->> 'wallMs')::float8 AS "wallMs"
       FROM jobs WHERE type = 'stamp' AND state = 'succeeded' AND run_at >= to_timestamp($1::float8 / 1000)`,
      [dueFromMs],
    );
    if (stamps.length === count) return stamps;
    if (Date.now() > deadline)
      throw new Error(`${stamps.length} of ${count} jobs have succeeded within ${withinMs} ms`);
  }
}
