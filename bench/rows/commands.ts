/** commands: jobs of type `command` that run `true`, beside a bare loop of spawns with the same concurrency. */
import type { SpawnLoop } from '../peers/spawn-loop.js';
import { perSecond } from '../report/result.js';
import { Contestant } from '../stand/contestant.js';
import { median } from '../stand/statistics.js';
import { Trio } from '../stand/trio.js';
import { drainOnce } from './drain-once.js';
import type { Context, Measurement } from './measurement.js';

const JOBS = { quick: 300, usual: 2000, full: 2000 };
const WARM_UP = 200;
const CONCURRENCY = 20;
const COMMAND = 'true';

export const commands: Measurement = {
  name: 'commands',
  goal: '≥ 80 % of a bare loop of spawns',
  async measure({ servers, runs, scale, say }: Context) {
    const trio = await Trio.start(servers, { env: { EXECUTOR_SLOTS: String(CONCURRENCY) } });
    const peer = Contestant.start<SpawnLoop>('peers/spawn-loop.js', servers.folder);
    try {
      const ourRate = (count: number) =>
        drainOnce(trio.db, count, { type: 'command', payload: { command: COMMAND } });
      const bareRate = async (count: number) => {
        const { seconds } = await peer.call('spawnAll', {
          count,
          concurrency: CONCURRENCY,
          command: COMMAND,
        });
        return count / seconds;
      };
      await ourRate(WARM_UP);
      await bareRate(WARM_UP);
      const rates = { ours: [] as number[], bare: [] as number[] };
      for (let run = 1; run <= runs; run += 1) {
        rates.ours.push(await ourRate(JOBS[scale]));
        rates.bare.push(await bareRate(JOBS[scale]));
        say(
          `run ${run}: ${perSecond(rates.ours.at(-1) ?? 0)}, bare ${perSecond(rates.bare.at(-1) ?? 0, 'spawns')}`,
        );
      }
      return {
        ours: [
          {
            who: 'Triumvir',
            text: perSecond(median(rates.ours)),
            durability: 'each start and end in Postgres',
          },
        ],
        peers: [{ who: 'bare loop', text: perSecond(median(rates.bare), 'spawns'), durability: 'none' }],
        verdicts: [
          {
            of: 'share of the bare loop',
            measured: 100 * median(rates.ours.map((rate, run) => rate / (rates.bare[run] ?? Number.NaN))),
            atLeast: 80,
            unit: '%',
          },
        ],
        notes: [`${JOBS[scale]} times /bin/sh -c ${COMMAND}, ${CONCURRENCY} at once, median of ${runs}`],
        runs: rates,
      };
    } finally {
      await peer.stop();
      await trio.stop();
    }
  },
};
