/** A drain that begins moments after the services have started, and with them the pruning of what is too old. */
import { setTimeout as pause } from 'node:timers/promises';
import { perSecond } from '../report/result.js';
import { oldestIsBefore, storeHistory, storeJobs } from '../stand/jobs.js';
import { settle } from '../stand/servers.js';
import { withSession } from '../stand/session.js';
import { Trio } from '../stand/trio.js';
import { rateOf } from './drain-once.js';
import type { Context } from './measurement.js';

const DAY_MS = 24 * 3_600_000;
/** Finished jobs are kept for seven days unless the settings say otherwise. */
const OLD_MS = 8 * DAY_MS;
/** For the services to start and to warm up in. */
const WARM_UP_MS = 6000;
const DUE_AFTER_MS = 11_000;
const PRUNE_WITHIN_MS = 600_000;

export interface PruneTurn {
  readonly pruneSeconds: number;
  readonly rate: number;
  readonly stillPruning: boolean;
}

export async function pruneWhileFeeding(
  { servers, say }: Context,
  old: number,
  jobs: number,
): Promise<PruneTurn> {
  const database = await servers.createDatabase('triumvir');
  try {
    await withSession(database.url, (db) => storeHistory(db, old, OLD_MS));
    await settle(database.url);
    const dueMs = Date.now() + DUE_AFTER_MS + jobs / 25;
    await withSession(database.url, async (db) => {
      await storeJobs(db, { count: jobs / 5, type: 'noop', runAtMs: dueMs - DUE_AFTER_MS + WARM_UP_MS });
      await storeJobs(db, { count: jobs, type: 'noop', runAtMs: dueMs });
    });
    const trio = await Trio.start(servers, { database });
    try {
      const startedMs = performance.now();
      const pruned = whenPruned(trio).then(() => (performance.now() - startedMs) / 1000);
      // It is awaited below; until then its failure is nobody's.
      pruned.catch(() => undefined);
      await pause(dueMs - Date.now());
      const stillPruning = await isAnyOld(trio);
      const rate = await rateOf(trio.db, jobs, dueMs);
      const pruneSeconds = await pruned;
      say(`${old.toLocaleString('en')} pruned in ${pruneSeconds.toFixed(1)} s; drained ${perSecond(rate)}`);
      return { pruneSeconds, rate, stillPruning };
    } finally {
      await trio.stop();
    }
  } finally {
    await database.drop();
  }
}

async function whenPruned(trio: Trio): Promise<void> {
  for (const deadline = Date.now() + PRUNE_WITHIN_MS; await isAnyOld(trio); await pause(250)) {
    if (Date.now() > deadline) throw new Error(`not pruned within ${PRUNE_WITHIN_MS} ms`);
  }
}

function isAnyOld(trio: Trio): Promise<boolean> {
  return oldestIsBefore(trio.db, Date.now() - OLD_MS + DAY_MS / 2);
}
