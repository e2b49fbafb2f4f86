/**
 * pipeline: jobs are submitted one by one, at a rate, and drained at the same time. It is to stay flat: backlog, memory
 * and latency of the last ten seconds are held against those of the first ten.
 */
import type { HttpLoad, LoadReport } from '../load/http-load.js';
import { megabytes, milliseconds, perSecond } from '../report/result.js';
import { Contestant } from '../stand/contestant.js';
import { memoryBytes } from '../stand/machine.js';
import { median } from '../stand/statistics.js';
import { Trio } from '../stand/trio.js';
import { untilDrained } from './drain-once.js';
import type { Context, Measurement } from './measurement.js';

const CONNECTIONS = 64;
/** Above the goal, so that reaching it is not a matter of rounding. */
const RATE = 5200;
const GOAL = 5000;
const SECONDS = { quick: 6, usual: 60, full: 60 };
const WARM_UP_SECONDS = { quick: 2, usual: 15, full: 15 };
/** What "the first and the last ten seconds" are. */
const WINDOW_SECONDS = { quick: 2, usual: 10, full: 10 };
const SAMPLE_EVERY_MS = 1000;
const BODY = JSON.stringify({ type: 'noop', payload: {} });

interface Sample {
  readonly backlog: number;
  readonly memory: number;
}

export const pipeline: Measurement = {
  name: 'pipeline',
  goal: `≥ ${GOAL.toLocaleString('en')} jobs/s for 60 s, and flat`,
  async measure({ servers, scale, say }: Context) {
    const trio = await Trio.start(servers);
    const load = Contestant.start<HttpLoad>('load/http-load.js', servers.folder);
    try {
      const post = (seconds: number) =>
        load.call('post', {
          url: `${trio.url}/api/v1/jobs`,
          body: BODY,
          connections: CONNECTIONS,
          seconds,
          rate: RATE,
          status: 201,
          windowSeconds: WINDOW_SECONDS[scale],
        });
      const warmUp = await post(WARM_UP_SECONDS[scale]);
      const before = await finished(trio);
      const sampler = sampleEverySecond(trio);
      const report = await post(SECONDS[scale]);
      const drained = (await finished(trio)) - before;
      const samples = await sampler.stop();
      await untilDrained(trio.db, 60_000);
      const total = warmUp.answered + report.answered;
      const ended = await finished(trio);
      if (ended !== total) throw new Error(`${total} jobs were submitted, ${ended} have succeeded`);
      const rate = Math.min(drained, report.answered) / report.seconds;
      say(`${perSecond(rate)}; ${samples.map(({ backlog }) => backlog).join(' ')} waiting, second by second`);
      return resultOf(rate, report, samples, WINDOW_SECONDS[scale], SECONDS[scale]);
    } finally {
      await load.stop();
      await trio.stop();
    }
  },
};

function resultOf(
  rate: number,
  { windows, seconds }: LoadReport,
  samples: readonly Sample[],
  windowSeconds: number,
  plannedSeconds: number,
) {
  const first = samples.slice(0, windowSeconds);
  const last = samples.slice(-windowSeconds);
  const lastWindow = windows[Math.round(plannedSeconds / windowSeconds) - 1];
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

async function finished(trio: Trio): Promise<number> {
  const [row] = await trio.db.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM jobs WHERE state = 'succeeded'`,
  );
  return row?.count ?? 0;
}

function sampleEverySecond(trio: Trio): { stop: () => Promise<Sample[]> } {
  const samples: Sample[] = [];
  let underway = Promise.resolve();
  const timer = setInterval(() => {
    underway = sample(trio).then((taken) => void samples.push(taken));
  }, SAMPLE_EVERY_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      await underway;
      return samples;
    },
  };
}

async function sample(trio: Trio): Promise<Sample> {
  const [row] = await trio.db.query<{ backlog: number }>(
    `SELECT ((SELECT count(*) FROM jobs WHERE state = 'scheduled' AND queue = 'default')
           + (SELECT count(*) FROM jobs WHERE state = 'queued' AND queue = 'default')
           + (SELECT count(*) FROM jobs WHERE state = 'running'))::int AS backlog`,
  );
  const memory = trio.running.reduce((sum, { pid }) => sum + memoryBytes(pid), 0);
  return { backlog: row?.backlog ?? Number.NaN, memory };
}
