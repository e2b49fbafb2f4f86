/** schedules: how late schedules fire, at idle and when very many are due in the same instant. */
import { milliseconds } from '../report/result.js';
import { Trio } from '../stand/trio.js';
import type { Context, Measurement } from './measurement.js';
import { measureSchedules, type Lateness } from './schedule-lateness.js';

const IDLE_SECONDS = { quick: 5, usual: 30, full: 60 };
const BURST = { quick: 500, usual: 10_000, full: 10_000 };

export const schedules: Measurement = {
  name: 'schedules',
  goal: 'lateness: p99 at idle ≤ 20 ms; 10,000 due in one second fire within 2 s',
  async measure({ servers, scale, say }: Context) {
    const trio = await Trio.start(servers);
    try {
      const { idle, burst } = await measureSchedules(trio.url, {
        idleSeconds: IDLE_SECONDS[scale],
        burst: BURST[scale],
      });
      say(`idle ${textOf(idle)}; at once ${textOf(burst)}`);
      return {
        ours: [
          { who: 'idle', text: textOf(idle) },
          { who: `${BURST[scale].toLocaleString('en')} at once`, text: textOf(burst) },
        ],
        peers: [],
        verdicts: [
          { of: 'p99 at idle', measured: idle.p99, atMost: 20, unit: 'ms' },
          { of: 'last of those at once', measured: burst.max, atMost: 2000, unit: 'ms' },
        ],
        notes: [`${idle.count} due times at idle; the executor runs the jobs on the same cores`],
        runs: { idle, burst },
      };
    } finally {
      await trio.stop();
    }
  },
};

function textOf({ p50, p99, max }: Lateness): string {
  return `median ${milliseconds(p50)}, p99 ${milliseconds(p99)}, max ${milliseconds(max)}`;
}
