/** search: lists and searches over HTTP among a million jobs, each of which may take 50 ms, whatever it finds. */
import { milliseconds } from '../report/result.js';
import { median, percentile } from '../stand/statistics.js';
import { settle } from '../stand/servers.js';
import { Trio } from '../stand/trio.js';
import { storeVariedJobs } from '../stand/varied-jobs.js';
import type { Context, Measurement } from './measurement.js';

const JOBS = { quick: 20_000, usual: 1_000_000, full: 5_000_000 };
/** Requests of each kind in each run; those of a kind are not all alike. */
const REQUESTS = { quick: 10, usual: 100, full: 100 };
const WITHIN_MS = 50;

type Query = (turn: number) => Readonly<Record<string, string>>;

/** Kinds of requests; what varies with the turn keeps answers from being prepared. */
const KINDS: Readonly<Record<string, Query>> = {
  'list: newest': () => ({}),
  'list: by queue': (turn) => ({ queue: `queue-${turn % 12}` }),
  'list: by type': (turn) => ({ type: `type-${turn % 20}` }),
  'list: by a rare type': () => ({ type: 'type-rare' }),
  'list: succeeded': () => ({ state: 'succeeded' }),
  'list: scheduled': () => ({ state: 'scheduled' }),
  'list: running': () => ({ state: 'running' }),
  'list: dead': () => ({ state: 'dead' }),
  'list: expired': () => ({ state: 'expired' }),
  'list: all that has not ended': () => ({ state: 'blocked,scheduled,queued,running' }),
  'list: by tag': (turn) => ({ tag: `tag-${(turn % 5) * 20}` }),
  'list: by a rare tag': () => ({ tag: 'tag-rare' }),
  'search: type, queue, state': (turn) => ({ q: `type:type-3 queue:queue-${turn % 12} state:dead` }),
  'search: name': (turn) => ({ q: `name:"customer ${turn}"` }),
  'search: unique key': (turn) => ({ q: `key:key-${turn * 10}` }),
  'search: payload field': (turn) => ({ q: `payload.customer.id:${turn}` }),
  'search: payload field, none': () => ({ q: 'payload.customer.id:-1' }),
  'search: words, frequent': (turn) => ({ q: `report "customer ${turn % 10}"` }),
  'search: words, none': (turn) => ({ q: `nothing${turn}` }),
};

interface Timing {
  readonly kind: string;
  readonly ms: readonly number[];
}

export const search: Measurement = {
  name: 'search',
  goal: `p95 ≤ ${WITHIN_MS} ms for each kind of list and search among a million jobs`,
  async measure({ servers, runs, scale, say }: Context) {
    const database = await servers.createDatabase('triumvir');
    const trio = await Trio.start(servers, { database, counts: { scheduler: 0 } });
    try {
      await storeVariedJobs(trio.db, JOBS[scale]);
      await settle(database.url);
      const ids = await idsFromEnd(trio);
      const kinds: Record<string, Query> = {
        ...KINDS,
        'list: a page deep down': (turn) => ({ cursor: cursorOf(ids[turn % ids.length]) }),
        'search: id': (turn) => ({ q: `id:${ids[turn % ids.length]}` }),
      };
      const ask = async (query: Readonly<Record<string, string>>): Promise<number> => {
        const startedMs = performance.now();
        const response = await fetch(`${trio.url}/api/v1/jobs?${new URLSearchParams(query).toString()}`);
        await response.arrayBuffer();
        if (response.status !== 200) throw new Error(`answered ${response.status}`);
        return performance.now() - startedMs;
      };
      const timings: Timing[] = [];
      for (const [kind, query] of Object.entries(kinds)) {
        for (let turn = 0; turn < 5; turn += 1) await ask(query(turn));
        const ms: number[] = [];
        for (let turn = 0; turn < REQUESTS[scale] * runs; turn += 1) ms.push(await ask(query(turn)));
        timings.push({ kind, ms });
        say(`${kind}: ${figures(ms)}`);
      }
      return {
        ours: timings.map(({ kind, ms }) => ({ who: kind, text: figures(ms) })),
        peers: [],
        verdicts: timings.map(({ kind, ms }) => ({
          of: kind,
          measured: percentile(ms, 0.95),
          atMost: WITHIN_MS,
          unit: 'ms',
        })),
        notes: [
          `${JOBS[scale].toLocaleString('en')} jobs; p50 / p95 / p99 of ${REQUESTS[scale] * runs} requests one after the other, pages of 50`,
        ],
        runs: timings,
      };
    } finally {
      await trio.stop();
      await database.drop();
    }
  },
};

function figures(ms: readonly number[]): string {
  return [median(ms), percentile(ms, 0.95), percentile(ms, 0.99)].map(milliseconds).join(' / ');
}

function cursorOf(id: string | undefined): string {
  return Buffer.from(id ?? '', 'latin1').toString('base64url');
}

/** Ids of jobs that nearly all others are newer than. */
async function idsFromEnd({ db }: Trio): Promise<string[]> {
  const rows = await db.query<{ id: string }>('SELECT id FROM jobs ORDER BY id OFFSET 1000 LIMIT 100');
  return rows.map(({ id }) => id);
}
