/** depth: a drain while millions of other jobs wait that are not due, beside the same drain on an otherwise empty database. */
import { megabytes, perSecond } from '../report/result.js';
import { storeJobs } from '../stand/jobs.js';
import { median } from '../stand/statistics.js';
import { drainVariants } from './deep-databases.js';
import type { Context, Measurement } from './measurement.js';

const WAITING = { quick: 50_000, usual: 1_000_000, full: 5_000_000 };
const SIZES = {
  quick: { jobs: 3000, warmUp: 1000 },
  usual: { jobs: 50_000, warmUp: 10_000 },
  full: { jobs: 50_000, warmUp: 10_000 },
};
const DAY_MS = 24 * 3_600_000;
/** How far apart the jobs that wait are due. */
const EVERY_MS = 10;
/** Vacuuming takes so much longer for each row that is there. */
const EXTRA_MS_A_ROW = 1 / 150;
const MEMORY_MB = 200;

export const depth: Measurement = {
  name: 'depth',
  goal: `≥ 90 % of the rate without depth; feeder below ${MEMORY_MB} MB`,
  async measure(context: Context) {
    const { scale, runs } = context;
    const waiting = WAITING[scale];
    const [shallow = [], deep = []] = await drainVariants(
      context,
      [
        { name: 'nothing else waits', prepare: async () => undefined, extraMs: 0 },
        {
          name: `${waiting.toLocaleString('en')} wait`,
          prepare: (db) =>
            storeJobs(db, {
              count: waiting,
              type: 'noop',
              runAtMs: Date.now() + DAY_MS,
              everyMs: EVERY_MS,
            }),
          extraMs: waiting * EXTRA_MS_A_ROW,
        },
      ],
      SIZES[scale],
    );
    const memory = Math.max(...deep.map(({ feederMemory }) => feederMemory));
    return {
      ours: [
        { who: 'shallow', text: perSecond(median(shallow.map(({ rate }) => rate))) },
        { who: 'deep', text: perSecond(median(deep.map(({ rate }) => rate))) },
        { who: 'feeder, deep, at most', text: megabytes(memory) },
      ],
      peers: [],
      verdicts: [
        {
          of: 'deep against shallow',
          measured: 100 * median(deep.map(({ rate }, run) => rate / (shallow[run]?.rate ?? Number.NaN))),
          atLeast: 90,
          unit: '%',
        },
        { of: 'memory of the feeder', measured: memory / 2 ** 20, atMost: MEMORY_MB, unit: 'MB' },
      ],
      notes: [
        `${SIZES[scale].jobs.toLocaleString('en')} jobs due; ${waiting.toLocaleString('en')} more are not (the goal speaks of 5 million: --full); median of ${runs}`,
      ],
      runs: { shallow, deep },
    };
  },
};
