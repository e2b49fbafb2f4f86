/** batch: jobs posted 1,000 at a time over a few connections, beside raw INSERTs of the same rows with as many connections. */
import type { HttpLoad } from '../load/http-load.js';
import type { RawInsert } from '../peers/raw-insert.js';
import { perSecond } from '../report/result.js';
import { Contestant } from '../stand/contestant.js';
import { withSession, type Session } from '../stand/session.js';
import { median } from '../stand/statistics.js';
import { Trio } from '../stand/trio.js';
import type { Context, Measurement } from './measurement.js';

const CONNECTIONS = 4;
const BATCH = 1000;
const SECONDS = { quick: 1, usual: 5, full: 10 };
const JOB = { type: 'noop', payload: {}, delay: '1h' };
const BODY = JSON.stringify({ jobs: Array.from({ length: BATCH }, () => JOB) });

export const batch: Measurement = {
  name: 'batch',
  goal: '≥ 50 % of raw INSERT … unnest of the same rows',
  async measure({ servers, runs, scale, say }: Context) {
    const trio = await Trio.start(servers);
    const database = await servers.createDatabase('triumvir');
    const raw = Contestant.start<RawInsert>('peers/raw-insert.js', servers.folder, {
      DATABASE_URL: database.url,
    });
    const load = Contestant.start<HttpLoad>('load/http-load.js', servers.folder);
    try {
      const stored = { ours: 0, raw: 0 };
      const ourRate = async (seconds: number) => {
        const url = `${trio.url}/api/v1/jobs/batch`;
        const report = await load.call('post', {
          url,
          body: BODY,
          connections: CONNECTIONS,
          seconds,
          status: 200,
        });
        stored.ours += report.answered * BATCH;
        return (report.answered * BATCH) / report.seconds;
      };
      const rawRate = async (seconds: number) => {
        const { payload } = JOB;
        const report = await raw.call('insert', { seconds, connections: CONNECTIONS, batch: BATCH, payload });
        stored.raw += report.rows;
        return report.rows / report.seconds;
      };
      await ourRate(SECONDS[scale]);
      await rawRate(SECONDS[scale]);
      const rates = { ours: [] as number[], raw: [] as number[] };
      for (let run = 1; run <= runs; run += 1) {
        rates.ours.push(await ourRate(SECONDS[scale]));
        rates.raw.push(await rawRate(SECONDS[scale]));
        say(
          `run ${run}: ${perSecond(rates.ours.at(-1) ?? 0)}, raw ${perSecond(rates.raw.at(-1) ?? 0, 'rows')}`,
        );
      }
      await checkStored(trio.db, stored.ours);
      await withSession(database.url, (db) => checkStored(db, stored.raw));
      return {
        ours: [
          { who: 'Triumvir', text: perSecond(median(rates.ours)), durability: 'on the disk when answered' },
        ],
        peers: [
          {
            who: 'raw INSERT',
            text: perSecond(median(rates.raw), 'rows'),
            durability: 'on the disk when answered',
          },
        ],
        verdicts: [
          {
            of: 'share of the raw INSERT',
            measured: 100 * median(rates.ours.map((rate, run) => rate / (rates.raw[run] ?? Number.NaN))),
            atLeast: 50,
            unit: '%',
          },
        ],
        notes: [
          `batches of ${BATCH} over ${CONNECTIONS} connections, ${SECONDS[scale]} s a turn, median of ${runs}`,
        ],
        runs: rates,
      };
    } finally {
      await load.stop();
      await raw.stop();
      await trio.stop();
      await database.drop();
    }
  },
};

/** @throws unless exactly so many rows are stored */
async function checkStored(db: Session, expected: number): Promise<void> {
  const [row] = await db.query<{ stored: number }>('SELECT count(*)::int AS stored FROM jobs');
  if (row?.stored !== expected) throw new Error(`${expected} jobs were accepted, ${row?.stored} are stored`);
}
