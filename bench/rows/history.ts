/**
 * history: a drain with many finished jobs kept, beside the same drain with none; and what happens to feeding while a
 * day of finished jobs is pruned.
 */
import { perSecond } from '../report/result.js';
import { storeHistory } from '../stand/jobs.js';
import { median } from '../stand/statistics.js';
import { drainVariants } from './deep-databases.js';
import type { Context, Measurement } from './measurement.js';
import { pruneWhileFeeding } from './prune.js';

const KEPT = { quick: 50_000, usual: 1_000_000, full: 10_000_000 };
const PRUNED = { quick: 20_000, usual: 1_000_000, full: 2_000_000 };
const SIZES = {
  quick: { jobs: 3000, warmUp: 1000 },
  usual: { jobs: 50_000, warmUp: 10_000 },
  full: { jobs: 50_000, warmUp: 10_000 },
};
const HOUR_MS = 3_600_000;
/** "Seconds", for 2 million jobs. */
const PRUNE_WITHIN_S = 60;
const EXTRA_MS_A_ROW = 1 / 300;

export const history: Measurement = {
  name: 'history',
  goal: '≥ 95 % of the rate without history; pruning 2 million takes seconds and does not dent feeding',
  async measure(context: Context) {
    const { scale, runs } = context;
    const kept = KEPT[scale];
    const pruned = PRUNED[scale];
    const [none = [], full = []] = await drainVariants(
      context,
      [
        { name: 'no history', prepare: async () => undefined, extraMs: 0 },
        {
          name: `${kept.toLocaleString('en')} kept`,
          prepare: (db) => storeHistory(db, kept, HOUR_MS),
          extraMs: kept * EXTRA_MS_A_ROW,
        },
      ],
      SIZES[scale],
    );
    const calm = await pruneWhileFeeding(context, 0, SIZES[scale].jobs);
    const prune = await pruneWhileFeeding(context, pruned, SIZES[scale].jobs);
    return {
      ours: [
        { who: 'without history', text: perSecond(median(none.map(({ rate }) => rate))) },
        { who: 'with history', text: perSecond(median(full.map(({ rate }) => rate))) },
        { who: `pruning ${pruned.toLocaleString('en')}`, text: `${prune.pruneSeconds.toFixed(1)} s` },
        {
          who: 'drain without, and while pruning',
          text: `${perSecond(calm.rate)}, ${perSecond(prune.rate)}`,
        },
      ],
      peers: [],
      verdicts: [
        {
          of: 'with history against without',
          measured: 100 * median(full.map(({ rate }, run) => rate / (none[run]?.rate ?? Number.NaN))),
          atLeast: 95,
          unit: '%',
        },
        {
          of: 'pruning 2 million (in proportion)',
          measured: (prune.pruneSeconds * PRUNED.full) / pruned,
          atMost: PRUNE_WITHIN_S,
          unit: 's',
        },
        {
          of: 'drain while pruning against drain without',
          measured: (100 * prune.rate) / calm.rate,
          atLeast: 90,
          unit: '%',
        },
      ],
      notes: [
        `${SIZES[scale].jobs.toLocaleString('en')} jobs drained, median of ${runs}; ${kept.toLocaleString('en')} kept (the goal speaks of 10 million: --full), ${pruned.toLocaleString('en')} pruned (of 2 million)`,
        prune.stillPruning
          ? 'pruning was under way when the drain began'
          : 'pruning was over before the drain began',
      ],
      runs: { none, full, calm, prune },
    };
  },
};
