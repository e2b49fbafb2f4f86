/**
 * failover: jobs become due one after the other, so that nothing starts that was not fed a moment before. The leading
 * scheduler is killed (SIGKILL), or asked to end (SIGTERM), and the longest time in which nothing started is taken.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { signal } from '#tools/process-identity.js';
import { milliseconds } from '../report/result.js';
import { storeJobs } from '../stand/jobs.js';
import { longestGap } from '../stand/statistics.js';
import { Trio } from '../stand/trio.js';
import type { Context, Measurement } from './measurement.js';
import { stampsOf } from './stamps.js';

const SESSION_TIMEOUT_MS = 4000;
/** A job is due so often. */
const EVERY_MS = 5;
/** Until the first job is due, and then until the leader goes. */
const LEAD_MS = 1500;
const QUIET_MS = 1500;
/** Jobs go on becoming due for so long after a new leader must feed again. */
const TAIL_MS = 2000;

interface Ending {
  readonly signal: 'SIGKILL' | 'SIGTERM';
  /** How long the pause may be. */
  readonly atMostMs: number;
}

const ENDINGS: readonly Ending[] = [
  { signal: 'SIGKILL', atMostMs: SESSION_TIMEOUT_MS + 500 },
  { signal: 'SIGTERM', atMostMs: 100 },
];

export const failover: Measurement = {
  name: 'failover',
  goal: 'leader killed: feeding pauses ≤ session timeout + 0.5 s; SIGTERM: 100 ms',
  async measure({ servers, runs, say }: Context) {
    const trio = await Trio.start(servers, {
      counts: { scheduler: 2 },
      env: { ZOOKEEPER_SESSION_TIMEOUT_MS: String(SESSION_TIMEOUT_MS) },
    });
    try {
      const gaps = new Map<string, number[]>(ENDINGS.map((ending) => [ending.signal, []]));
      const calm = await gapAround(trio, undefined);
      say(`undisturbed: ${milliseconds(calm)}`);
      for (let run = 1; run <= runs; run += 1) {
        for (const ending of ENDINGS) {
          const gap = await gapAround(trio, ending);
          gaps.get(ending.signal)?.push(gap);
          say(`run ${run}: ${ending.signal} ${milliseconds(gap)}`);
          await trio.add('scheduler');
        }
      }
      const worst = (name: string) => Math.max(...(gaps.get(name) ?? []));
      return {
        ours: [
          { who: 'undisturbed', text: milliseconds(calm) },
          ...ENDINGS.map((ending) => ({ who: ending.signal, text: milliseconds(worst(ending.signal)) })),
        ],
        peers: [],
        verdicts: ENDINGS.map((ending) => ({
          of: `longest pause after ${ending.signal}`,
          measured: worst(ending.signal),
          atMost: ending.atMostMs,
          unit: 'ms',
        })),
        notes: [
          `two schedulers, a job due every ${EVERY_MS} ms, session timeout ${SESSION_TIMEOUT_MS} ms; the longest of ${runs}`,
        ],
        runs: Object.fromEntries(gaps),
      };
    } finally {
      await trio.stop();
    }
  },
};

/** The longest time without a start, around the end of the leader. */
async function gapAround(trio: Trio, ending: Ending | undefined): Promise<number> {
  const runAtMs = Date.now() + LEAD_MS;
  const spanMs = QUIET_MS + (ending?.atMostMs ?? 0) + TAIL_MS;
  const count = Math.ceil(spanMs / EVERY_MS);
  await storeJobs(trio.db, { count, type: 'stamp', runAtMs, everyMs: EVERY_MS });
  await pause(runAtMs + QUIET_MS - Date.now());
  if (ending !== undefined) signal(await leaderOf(trio), ending.signal);
  const stamps = await stampsOf(trio.db, {
    count,
    dueFromMs: runAtMs,
    lookFromMs: runAtMs + spanMs + 500,
    withinMs: 30_000,
  });
  return longestGap(stamps.map(({ monotonicMs }) => monotonicMs));
}

async function leaderOf(trio: Trio) {
  const [row] = await trio.db.query<{ holder: string }>(
    `SELECT holder FROM leader_epochs WHERE election = 'scheduler/shard-0'`,
  );
  const leader = trio.of('scheduler').find(({ id }) => id === row?.holder);
  if (leader === undefined) throw new Error(`nobody leads; the last one was ${row?.holder}`);
  return leader;
}
