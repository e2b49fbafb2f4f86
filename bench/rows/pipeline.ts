/**
 * pipeline: jobs are submitted one by one, at a rate, and drained at the same time. It is to stay flat: backlog, memory
 * and latency of the last ten seconds are held against those of the first ten.
 */
import type { HttpLoad, LoadReport } from '../load/http-load.js';
import { megabytes, milliseconds, perSecond, type Result } from '../report/result.js';
import { Contestant } from '../stand/contestant.js';
import { median } from '../stand/statistics.js';
import { Trio } from '../stand/trio.js';
import { untilDrained } from './drain-once.js';
import type { Context, Measurement, Scale } from './measurement.js';
import { sampledEverySecond, type Sample } from './sampler.js';

const CONNECTIONS = 64;
/** Above the goal, so that reaching it is not a matter of rounding. */
const RATE = 5200;
const GOAL = 5000;
const SECONDS = { quick: 6, usual: 60, full: 60 };
const WARM_UP_SECONDS = { quick: 2, usual: 15, full: 15 };
/** What "the first and the last ten seconds" are. */
const WINDOW_SECONDS = { quick: 2, usual: 10, full: 10 };
const BODY = JSON.stringify({ type: 'noop', payload: {} });

export const pipeline: Measurement = {
  name: 'pipeline',
  goal: `≥ ${GOAL.toLocaleString('en')} jobs/s for 60 s, and flat`,
  async measure({ servers, scale, say }: Context) {
    const trio = await Trio.start(servers);
    const load = Contestant.start<HttpLoad>('load/http-load.js', servers.folder);
    let submitted = 0;
    let executions = 0;
    let result: Result;
    try {
      const post = async (seconds: number) => {
        const report = await load.call('post', {
          url: `${trio.url}/api/v1/jobs`,
          body: BODY,
          connections: CONNECTIONS,
          seconds,
          rate: RATE,
          status: 201,
          windowSeconds: WINDOW_SECONDS[scale],
        });
        submitted += report.answered;
        return report;
      };
      await post(WARM_UP_SECONDS[scale]);
      const before = await succeeded(trio);
      const { value: report, samples } = await sampledEverySecond(trio, () => post(SECONDS[scale]));
      const drained = (await succeeded(trio)) - before;
      await untilDrained(trio.db, 60_000);
      const ended = await succeeded(trio);
      if (ended !== submitted) throw new Error(`${submitted} jobs were submitted, ${ended} have succeeded`);
      const rate = Math.min(drained, report.answered) / report.seconds;
      say(`${perSecond(rate)}; ${samples.map(({ backlog }) => backlog).join(' ')} waiting, second by second`);
      result = resultOf(rate, report, samples, scale);
    } finally {
      await load.stop();
      executions = await trio.stop();
    }
    if (executions !== submitted) throw new Error(`${executions} executions of ${submitted} jobs`);
    return result;
  },
};

function resultOf(
  rate: number,
  { windows, seconds }: LoadReport,
  samples: readonly Sample[],
  scale: Scale,
): Result {
  const windowSeconds = WINDOW_SECONDS[scale];
  const first = samples.slice(0, windowSeconds);
  const last = samples.slice(-windowSeconds);
  const lastWindow = windows[SECONDS[scale] / windowSeconds - 1];
  const [firstWindow] = windows;
  if (firstWindow === undefined || lastWindow === undefined) throw new Error('nothing was answered');
  const backlog = [first, last].map((part) => median(part.map((sample) => sample.backlog)));
  const memory = [first, last].map((part) => median(part.map((sample) => sample.memory)));
  const [backlogFirst = 0, backlogLast = 0] = backlog;
  const [memoryFirst = 0, memoryLast = 0] = memory;
  return {
    ours: [
      { who: 'submitted and succeeded', text: perSecond(rate), durability: 'submission and end on the disk' },
      { who: 'waiting', text: `${backlogFirst} → ${backlogLast} jobs` },
      { who: 'memory of the three', text: `${megabytes(memoryFirst)} → ${megabytes(memoryLast)}` },
      {
        who: 'submission, median and p99',
        text: [firstWindow, lastWindow]
          .map(({ p50Ms, p99Ms }) => `${milliseconds(p50Ms)}, ${milliseconds(p99Ms)}`)
          .join(' → '),
      },
    ],
    peers: [],
    verdicts: [
      { of: 'rate', measured: rate, atLeast: GOAL, unit: 'jobs/s' },
      // A tenth of a second's work more or less is no trend.
      { of: 'growth of the backlog', measured: backlogLast - backlogFirst, atMost: GOAL / 10, unit: 'jobs' },
      { of: 'growth of memory', measured: 100 * (memoryLast / memoryFirst - 1), atMost: 10, unit: '%' },
      {
        of: 'growth of the median latency',
        measured: 100 * (lastWindow.p50Ms / firstWindow.p50Ms - 1),
        atMost: 20,
        unit: '%',
      },
    ],
    notes: [
      `${CONNECTIONS} connections at ${RATE} jobs/s for ${Math.round(seconds)} s, after a warm-up; → is from the first ${windowSeconds} s to the last`,
    ],
    runs: { samples, windows },
  };
}

async function succeeded(trio: Trio): Promise<number> {
  const [row] = await trio.db.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM jobs WHERE state = 'succeeded'`,
  );
  return row?.count ?? 0;
}
