/**
 * drain: stored no-op jobs that are all due at once, until all have succeeded in Postgres. Every contestant has its turn
 * alone on the machine, with a database of its own, warmed up by a smaller drain in the same processes.
 */
import type { DrainPeer } from '../peers/drain-peer.js';
import { perSecond, type Figure } from '../report/result.js';
import { Contestant } from '../stand/contestant.js';
import { median } from '../stand/statistics.js';
import { settle, type Database } from '../stand/servers.js';
import { Trio } from '../stand/trio.js';
import { drainOnce } from './drain-once.js';
import type { Context, Measurement } from './measurement.js';

const JOBS = { quick: 5000, usual: 100_000, full: 100_000 };
const WARM_UP = { quick: 2000, usual: 20_000, full: 20_000 };

interface Peer {
  readonly who: string;
  readonly durability: string;
  /** Our rate is to be at least so many times the peer's. */
  readonly atLeast: number;
  readonly script: string;
}

const PEERS: readonly Peer[] = [
  {
    who: 'graphile-worker',
    durability: 'Postgres, every commit on disk; done jobs are deleted, no history',
    atLeast: 1.25,
    script: 'peers/graphile-worker.js',
  },
  {
    who: 'BullMQ',
    durability: 'Redis, append-only file, up to a second is lost; done jobs are deleted',
    atLeast: 2.5,
    script: 'peers/bullmq.js',
  },
  {
    who: 'pg-boss',
    durability: 'Postgres, every commit on disk; history kept',
    atLeast: 3,
    script: 'peers/pg-boss.js',
  },
];
export const drain: Measurement = {
  name: 'drain',
  goal: '≥ 1.25 × graphile-worker (try 1.5), 2.5 × BullMQ, 3 × pg-boss',
  async measure(context) {
    const { runs, scale, say } = context;
    const ours: number[] = [];
    const theirs = new Map<string, number[]>(PEERS.map(({ who }) => [who, []]));
    for (let run = 1; run <= runs; run += 1) {
      ours.push(await ourTurn(context));
      say(`run ${run}: Triumvir ${perSecond(ours.at(-1) ?? 0)}`);
      for (const peer of PEERS) {
        const rate = await turnOf(peer, context);
        theirs.get(peer.who)?.push(rate);
        say(`run ${run}: ${peer.who} ${perSecond(rate)}`);
      }
    }
    const peers: Figure[] = PEERS.map(({ who, durability }) => ({
      who,
      durability,
      text: perSecond(median(theirs.get(who) ?? [])),
    }));
    return {
      ours: [
        {
          who: 'Triumvir',
          text: perSecond(median(ours)),
          durability: 'Postgres, submission and end on disk; history kept',
        },
      ],
      peers,
      verdicts: PEERS.map(({ who, atLeast }) => ({
        of: `vs ${who}`,
        measured: median(ours.map((rate, run) => rate / (theirs.get(who)?.[run] ?? Number.NaN))),
        atLeast,
        unit: '×',
      })),
      notes: [`${JOBS[scale].toLocaleString('en')} jobs, median of ${runs} runs, all contestants in turn`],
      runs: { triumvir: ours, ...Object.fromEntries(theirs) },
    };
  },
};

async function ourTurn({ servers, scale }: Context): Promise<number> {
  const trio = await Trio.start(servers);
  let rate = Number.NaN;
  let executions = 0;
  try {
    await drainOnce(trio.db, WARM_UP[scale]);
    rate = await drainOnce(trio.db, JOBS[scale]);
  } finally {
    executions = await trio.stop();
  }
  const expected = WARM_UP[scale] + JOBS[scale];
  if (executions !== expected) throw new Error(`${executions} executions of ${expected} jobs`);
  return rate;
}

async function turnOf({ script, who }: Peer, { servers, scale }: Context): Promise<number> {
  const database: Database = await servers.createDatabase('empty');
  const peer = Contestant.start<DrainPeer>(script, servers.folder, {
    DATABASE_URL: database.url,
    REDIS_URL: servers.redis.url,
    REDIS_PREFIX: `bench-${who}`,
  });
  try {
    for (const count of [WARM_UP[scale], JOBS[scale]]) {
      await peer.call('fill', count);
      await settle(database.url);
      const { seconds, executions } = await peer.call('drain', count);
      if (executions !== count) throw new Error(`${who}: ${executions} executions of ${count} jobs`);
      if (count === JOBS[scale]) return count / seconds;
    }
    throw new Error('no drain was measured');
  } finally {
    await peer.stop();
    await database.drop();
  }
}
