/**
 * latency: on a system that does nothing else, one job at a time, from just before it is submitted until its handler
 * starts; beside graphile-worker's addJob to its task's start. Both run all the time and have their turns in blocks.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { GraphileWorker } from '../peers/graphile-worker.js';
import { milliseconds } from '../report/result.js';
import { postJob } from '../stand/client.js';
import { Contestant } from '../stand/contestant.js';
import { percentile } from '../stand/statistics.js';
import { Trio } from '../stand/trio.js';
import type { Context, Measurement } from './measurement.js';
import { stampsOf } from './stamps.js';

const JOBS_A_BLOCK = { quick: 40, usual: 150, full: 300 };
const WARM_UP = 30;
/** Long enough for everything to be idle again, and with no rhythm that timers could fall in with. */
const pauseMs = () => 20 + Math.random() * 20;

export const latency: Measurement = {
  name: 'latency',
  goal: "median ≤ graphile-worker's addJob to start; p99 ≤ 15 ms",
  async measure({ servers, runs, scale, say }: Context) {
    const size = JOBS_A_BLOCK[scale];
    const database = await servers.createDatabase('empty');
    const peer = Contestant.start<GraphileWorker>('peers/graphile-worker.js', servers.folder, {
      DATABASE_URL: database.url,
    });
    const trio = await Trio.start(servers);
    try {
      await peer.call('serve', undefined);
      const submitted: { id: string; sentMs: number }[] = [];
      const theirs: number[] = [];
      const block = async (count: number) => {
        for (let job = 0; job < count; job += 1) {
          submitted.push(await postJob(trio.url, { type: 'stamp' }));
          await pause(pauseMs());
        }
        for (let job = 0; job < count; job += 1) {
          theirs.push(await peer.call('latency', undefined));
          await pause(pauseMs());
        }
      };
      await block(WARM_UP);
      for (let run = 0; run < runs; run += 1) await block(size);
      const startedMs = new Map(
        (await stampsOf(trio.db, { count: submitted.length, withinMs: 10_000 })).map(
          ({ id, monotonicMs }) => [id, monotonicMs],
        ),
      );
      const ours = submitted.map(({ id, sentMs }) => (startedMs.get(id) ?? Number.NaN) - sentMs);
      const figures = { ours: summary(ours.slice(WARM_UP)), theirs: summary(theirs.slice(WARM_UP)) };
      say(`Triumvir ${text(figures.ours)}; graphile-worker ${text(figures.theirs)}`);
      return {
        ours: [
          { who: 'POST to handler', text: text(figures.ours), durability: 'on the disk before it starts' },
        ],
        peers: [
          {
            who: 'graphile-worker, addJob to task',
            text: text(figures.theirs),
            durability: 'on the disk before it starts',
          },
        ],
        verdicts: [
          {
            of: 'median vs graphile-worker',
            measured: figures.ours.p50,
            atMost: figures.theirs.p50,
            unit: 'ms',
          },
          { of: 'p99', measured: figures.ours.p99, atMost: 15, unit: 'ms' },
        ],
        notes: [`${runs * size} jobs each, in ${runs} blocks in turn; graphile-worker with its defaults`],
        runs: figures,
      };
    } finally {
      await peer.stop();
      await trio.stop();
      await database.drop();
    }
  },
};

interface Summary {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

function summary(values: readonly number[]): Summary {
  return { p50: percentile(values, 0.5), p99: percentile(values, 0.99), max: percentile(values, 1) };
}

function text({ p50, p99, max }: Summary): string {
  return `median ${milliseconds(p50)}, p99 ${milliseconds(p99)}, max ${milliseconds(max)}`;
}
