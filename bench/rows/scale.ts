/** scale: 1, 2 and 4 executors whose handlers wait 20 ms. Throughput is to grow with the slots until the cores are busy. */
import { perSecond, type Verdict } from '../report/result.js';
import { meterCpu } from '../stand/machine.js';
import { median } from '../stand/statistics.js';
import { Trio } from '../stand/trio.js';
import { loadGun } from '../stand/jobs.js';
import { drainOnce, rateOf } from './drain-once.js';
import type { Context, Measurement } from './measurement.js';
import { setTimeout as pause } from 'node:timers/promises';

const EXECUTORS = [1, 2, 4];
const SLOTS = 20;
const SLEEP_MS = 20;
/** How long a drain takes when nothing but the slots holds it up. */
const SECONDS = { quick: 2, usual: 4, full: 10 };
/** More than this and the cores are full. */
const FULL_CPU = 0.9;

interface Turn {
  readonly rate: number;
  readonly busy: number;
}

export const scale: Measurement = {
  name: 'scale',
  goal: '≥ 90 % of ideal (slots / 20 ms) until the cores are full',
  async measure({ servers, runs, scale: size, say }: Context) {
    const turns = new Map<number, Turn[]>(EXECUTORS.map((count) => [count, []]));
    for (const executors of EXECUTORS) {
      const trio = await Trio.start(servers, {
        counts: { executor: executors },
        env: { EXECUTOR_SLOTS: String(SLOTS) },
      });
      try {
        const options = { type: 'sleep', payload: { ms: SLEEP_MS } };
        await drainOnce(trio.db, ideal(executors), options);
        for (let run = 1; run <= runs; run += 1) {
          const count = ideal(executors) * SECONDS[size];
          const dueMs = await loadGun(trio.db, count, options);
          await pause(dueMs - Date.now());
          const busy = meterCpu();
          const turn = { rate: await rateOf(trio.db, count, dueMs), busy: busy() };
          turns.get(executors)?.push(turn);
          say(`${executors} executors: ${perSecond(turn.rate)}, cores ${percent(turn.busy)} busy`);
        }
      } finally {
        await trio.stop();
      }
    }
    const summaries = EXECUTORS.map((executors) => {
      const own = turns.get(executors) ?? [];
      return {
        executors,
        rate: median(own.map(({ rate }) => rate)),
        busy: median(own.map(({ busy }) => busy)),
      };
    });
    return {
      ours: summaries.map(({ executors, rate, busy }) => ({
        who: `${executors} × ${SLOTS} slots`,
        text: `${perSecond(rate)} of ${perSecond(ideal(executors))}, cores ${percent(busy)} busy`,
      })),
      peers: [],
      verdicts: summaries.flatMap(({ executors, rate, busy }): Verdict[] =>
        busy >= FULL_CPU && executors > 1
          ? []
          : [
              {
                of: `${executors} executors`,
                measured: (100 * rate) / ideal(executors),
                atLeast: 90,
                unit: '%',
              },
            ],
      ),
      notes: [
        `handlers wait ${SLEEP_MS} ms; busier than ${percent(FULL_CPU)} counts as full; median of ${runs}`,
      ],
      runs: Object.fromEntries(turns),
    };
  },
};

/** Jobs per second when every slot is always taken. */
function ideal(executors: number): number {
  return (executors * SLOTS * 1000) / SLEEP_MS;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
