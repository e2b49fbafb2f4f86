/** Drains on databases that differ in what else they hold: each has its turn, with a trio of its own, in every run. */
import { perSecond } from '../report/result.js';
import { peakMemoryBytes } from '../stand/machine.js';
import type { Database } from '../stand/servers.js';
import { withSession, type Session } from '../stand/session.js';
import { Trio } from '../stand/trio.js';
import { drainOnce } from './drain-once.js';
import type { Context } from './measurement.js';

export interface Variant {
  readonly name: string;
  /** Puts into an empty database whatever makes the difference. */
  readonly prepare: (db: Session) => Promise<void>;
  /** Further time to vacuum it before each drain, in milliseconds. */
  readonly extraMs: number;
}

export interface DrainSizes {
  readonly jobs: number;
  readonly warmUp: number;
}

export interface VariantTurn {
  readonly rate: number;
  /** The most memory that the scheduler ever held, in bytes. */
  readonly feederMemory: number;
}

/** @returns the turns of each variant, in the order given */
export async function drainVariants(
  { servers, runs, say }: Context,
  variants: readonly Variant[],
  sizes: DrainSizes,
): Promise<VariantTurn[][]> {
  const databases: Database[] = [];
  try {
    for (const { name, prepare } of variants) {
      const database = await servers.createDatabase('triumvir');
      databases.push(database);
      const startedMs = performance.now();
      await withSession(database.url, async (db) => {
        await prepare(db);
        await db.query('VACUUM (ANALYZE)');
        await db.query('CHECKPOINT');
      });
      say(`${name}: prepared in ${Math.round((performance.now() - startedMs) / 1000)} s`);
    }
    const turns: VariantTurn[][] = variants.map(() => []);
    for (let run = 1; run <= runs; run += 1) {
      for (const [index, { name, extraMs }] of variants.entries()) {
        const database = databases[index];
        if (database === undefined) throw new Error('a variant without a database');
        const trio = await Trio.start(servers, { database });
        try {
          await drainOnce(trio.db, sizes.warmUp, { extraMs });
          const rate = await drainOnce(trio.db, sizes.jobs, { extraMs });
          const feederMemory = Math.max(...trio.of('scheduler').map(({ pid }) => peakMemoryBytes(pid)));
          turns[index]?.push({ rate, feederMemory });
          say(`run ${run}: ${name} ${perSecond(rate)}`);
        } finally {
          await trio.stop();
        }
      }
    }
    return turns;
  } finally {
    for (const database of databases) await database.drop();
  }
}
