/** timer: jobs submitted for distinct instants in the near future; how much later than that their handlers start. */
import { milliseconds } from '../report/result.js';
import { postJob } from '../stand/client.js';
import { percentile } from '../stand/statistics.js';
import { Trio } from '../stand/trio.js';
import type { Context, Measurement } from './measurement.js';
import { stampsOf } from './stamps.js';

const JOBS = { quick: 200, usual: 1000, full: 1000 };
const EVERY_MS = 15;
/** Time to submit them all before the first one is due. */
const LEAD_MS = 4000;

export const timer: Measurement = {
  name: 'timer',
  goal: 'lateness: median ≤ 3 ms, p99 ≤ 15 ms',
  async measure({ servers, scale, say }: Context) {
    const count = JOBS[scale];
    const trio = await Trio.start(servers);
    try {
      const firstMs = Date.now() + LEAD_MS;
      const jobs = Array.from({ length: count }, (_, number) => {
        // Within its share of the time, so that the instants have no rhythm; to the millisecond that a job's run_at has.
        const dueMs = firstMs + Math.floor((number + Math.random()) * EVERY_MS);
        return { type: 'stamp', runAt: new Date(dueMs).toISOString() };
      });
      await Promise.all(jobs.map((job) => postJob(trio.url, job)));
      if (Date.now() > firstMs) throw new Error('submitting took longer than was planned for');
      const stamps = await stampsOf(trio.db, {
        count,
        lookFromMs: firstMs + count * EVERY_MS + 500,
        withinMs: 10_000,
      });
      const lateness = stamps.map(({ runAtMs, wallMs }) => wallMs - runAtMs);
      const [p50, p99, max] = [0.5, 0.99, 1].map((share) => percentile(lateness, share));
      if (p50 === undefined || p99 === undefined || max === undefined)
        throw new Error('nothing was measured');
      if (percentile(lateness, 0) < 0) throw new Error('a job started before it was due');
      const text = `median ${milliseconds(p50)}, p99 ${milliseconds(p99)}, max ${milliseconds(max)}`;
      say(text);
      return {
        ours: [{ who: 'due to handler', text }],
        peers: [],
        verdicts: [
          { of: 'median', measured: p50, atMost: 3, unit: 'ms' },
          { of: 'p99', measured: p99, atMost: 15, unit: 'ms' },
        ],
        notes: [`${count} jobs, one about every ${EVERY_MS} ms`],
        runs: lateness,
      };
    } finally {
      await trio.stop();
    }
  },
};
