/**
 * What limits promise, held against what happened: an observer of its own in Postgres samples what is in flight, and the
 * handlers themselves tell how many of them ran at once. LIMIT_JOBS and LIMIT_DEPTH say how many jobs (50,000 and 100,000
 * were run for the guarantees).
 */
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ApiClient } from '../support/api-client.js';
import { startCluster, type Cluster, type ClusterOptions, type ServiceHandle } from '../support/cluster.js';
import { uniqueName } from '../support/environment.js';
import { eventually } from '../support/eventually.js';
import { openWorkLedger, type WorkLedger } from '../support/work-ledger.js';

const JOBS = Number(process.env['LIMIT_JOBS'] ?? 1500);
const DEPTH = Number(process.env['LIMIT_DEPTH'] ?? 20_000);
/** A test may take as long as its jobs need, and some. */
const timeout = (jobs: number) => ({ timeout: 120_000 + jobs * 20 });
const BATCH = 1000;

let cluster: Cluster;
let api: ApiClient;
let ledger: WorkLedger;
let db: pg.Client;
let stopObserving: (() => Promise<unknown>) | undefined;

beforeEach(async () => {
  ledger = await openWorkLedger();
});
afterEach(async () => {
  await stopObserving?.();
  stopObserving = undefined;
  await db?.end();
  await cluster?.stop();
  await ledger?.remove();
});

async function start(options: ClusterOptions = {}): Promise<void> {
  cluster = await startCluster({
    ...options,
    env: { EXECUTOR_HANDLERS: ledger.handlers, ...options.env },
  });
  api = new ApiClient(cluster.of('store').map(({ url }) => url));
  db = new pg.Client({ connectionString: cluster.databaseUrl });
  await db.connect();
}

const set = async (queue: string, settings: object) => {
  const { status } = await api.request('PUT', `/api/v1/queues/${queue}`, settings);
  expect(status).toBeLessThan(300);
};

/** Batches of a thousand, each stored as a whole; on a machine that is busy with other things one may have to be sent twice. */
async function submit(count: number, job: (index: number) => object): Promise<void> {
  for (let from = 0; from < count; from += BATCH) {
    const jobs = Array.from({ length: Math.min(BATCH, count - from) }, (_, n) => ({
      type: 'work',
      ...job(from + n),
    }));
    const key = { 'idempotency-key': uniqueName('batch') };
    await eventually(
      async () => {
        const { status } = await api.request('POST', '/api/v1/jobs/batch?atomic=true', { jobs }, key);
        expect(status).toBe(200);
      },
      { within: 60_000 },
    );
  }
}

async function one<Row>(sql: string, ...parameters: unknown[]): Promise<Row> {
  const { rows } = await db.query(sql, parameters);
  return rows[0] as Row;
}

const unfinished = async (queue: string) =>
  (
    await one<{ count: number }>(
      `SELECT count(*)::int AS count FROM jobs WHERE queue = $1 AND finished_at IS NULL`,
      queue,
    )
  ).count;

/** Looks again and again how many jobs of a queue are in flight, by the state column alone. @returns how to stop and hear */
function observe(queue: string): () => Promise<{ samples: number; most: number }> {
  const stop = new AbortController();
  let [samples, most] = [0, 0];
  const observed = (async () => {
    const observer = new pg.Client({ connectionString: cluster.databaseUrl });
    await observer.connect();
    while (!stop.signal.aborted) {
      const { rows } = await observer.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM jobs
         WHERE in_flight_since IS NOT NULL AND state IN ('queued', 'running') AND queue = $1`,
        [queue],
      );
      samples += 1;
      most = Math.max(most, rows[0]?.count ?? 0);
      await pause(1);
    }
    await observer.end();
  })();
  const summary = async () => {
    stop.abort();
    await observed;
    return { samples, most };
  };
  stopObserving = summary;
  return summary;
}

async function leader(): Promise<ServiceHandle> {
  return eventually(async () => {
    const { body } = await api.request<{
      elections: { election: string; leader: { id: string; epoch: number | null } | null }[];
    }>('GET', '/api/v1/cluster');
    const found = body.elections.find(({ election }) => election === 'scheduler/shard-0')?.leader;
    if (found == null || found.epoch === null) throw new Error('nobody leads');
    return cluster.byId(found.id);
  });
}

test(
  'concurrency: a limit of five is never overshot, with three executors and through two fail-overs',
  timeout(JOBS),
  async () => {
    await start({
      stores: 2,
      schedulers: 3,
      executors: 3,
      env: { EXECUTOR_SLOTS: '8', ZOOKEEPER_SESSION_TIMEOUT_MS: '2000' },
    });
    await set('five', { concurrency: 5 });
    const stop = observe('five');
    await submit(JOBS, (index) => ({ queue: 'five', payload: { ms: index % 7 } }));
    const left = async (share: number) =>
      eventually(async () => expect(await unfinished('five')).toBeLessThan(JOBS * share), {
        within: JOBS * 20 + 30_000,
      });

    await left(0.9);
    // It does not know that it is no longer the leader when it wakes up.
    const paused = await leader();
    paused.pause();
    await eventually(async () => expect((await leader()).id).not.toBe(paused.id), { within: 20_000 });
    await left(0.7);
    paused.resume();
    await left(0.5);
    await (await leader()).kill();
    await left(0.000001);

    const { samples, most } = await stop();
    expect(samples).toBeGreaterThan(JOBS / 20);
    expect(most).toBeLessThanOrEqual(5);
    const summary = await ledger.summary();
    expect(summary.ended).toBe(JOBS);
    expect(summary.most).toBeLessThanOrEqual(5);
    // The limit is not only kept, it is used.
    expect(summary.most).toBeGreaterThan(2);
    expect(
      await one(`SELECT count(*)::int AS count FROM jobs WHERE state = 'succeeded' AND attempt = 1`),
    ).toEqual({
      count: JOBS,
    });
  },
);

test('concurrency per key: of no key do more run at once than its queue allows', timeout(0), async () => {
  await start({ executors: 2, env: { EXECUTOR_SLOTS: '10' } });
  await set('keys', { concurrencyPerKey: 2 });
  await submit(300, (index) => ({
    queue: 'keys',
    payload: { ms: 20, label: `k${index % 5}` },
    concurrencyKey: `k${index % 5}`,
  }));
  let most = 0;
  await eventually(
    async () => {
      const { count } = await one<{ count: number }>(
        `SELECT coalesce(max(of_key), 0)::int AS count FROM (
           SELECT count(*) AS of_key FROM jobs WHERE state IN ('queued', 'running') GROUP BY concurrency_key) AS counts`,
      );
      most = Math.max(most, count);
      expect(await unfinished('keys')).toBe(0);
    },
    { within: 60_000 },
  );
  expect(most).toBe(2);
  expect((await ledger.summary()).most).toBeLessThanOrEqual(10);
});

test('rate: jobs start evenly, and no second sees more than the limit', timeout(0), async () => {
  await start({ executors: 2, env: { EXECUTOR_SLOTS: '10' } });
  await set('rated', { rateLimit: { limit: 20, interval: '1s' } });
  await submit(100, () => ({ queue: 'rated', payload: { ms: 0 } }));
  await eventually(async () => expect(await unfinished('rated')).toBe(0), { within: 60_000 });
  const began = (await ledger.began()).map(({ atMs }) => atMs);
  expect(began).toHaveLength(100);
  // A start may come a little late, and the one after it in time.
  for (const [index, at] of began.entries()) {
    const withinASecond = began.slice(index).filter((later) => later < at + 950).length;
    expect(withinASecond).toBeLessThanOrEqual(20);
    expect(began.slice(index).filter((later) => later < at + 90).length).toBeLessThanOrEqual(4);
  }
  expect((began.at(-1) ?? 0) - (began[0] ?? 0)).toBeGreaterThan(4850);
});

test(
  'fair turns: a noisy tenant with 10,000 jobs does not starve another one with 10',
  timeout(10_000),
  async () => {
    await start({ executors: 2, env: { EXECUTOR_SLOTS: '4' } });
    await submit(10_000, () => ({
      queue: 'tenants',
      payload: { ms: 4, label: 'noisy' },
      fairnessKey: 'noisy',
      priority: 0,
    }));
    await eventually(async () => expect((await ledger.summary()).ended).toBeGreaterThan(100), {
      within: 30_000,
    });
    await submit(10, () => ({
      queue: 'tenants',
      payload: { ms: 4, label: 'quiet' },
      fairnessKey: 'quiet',
      priority: 9,
    }));
    const before = (await ledger.began()).length;
    await eventually(
      async () => {
        const labels = (await ledger.began()).map(({ label }) => label);
        expect(labels.filter((label) => label === 'quiet')).toHaveLength(10);
      },
      { within: 60_000 },
    );
    const labels = (await ledger.began()).map(({ label }) => label);
    // Among what began after they came: a turn each, once what had been handed over was through.
    const wait = labels.lastIndexOf('quiet') - before;
    expect(wait).toBeLessThan(2000);
    expect(labels.length).toBeLessThan(9000);
  },
);

test(
  'a queue that is blocked, however deep, leaves the latency of another one as it was',
  timeout(DEPTH),
  async () => {
    await start({ executors: 1, env: { EXECUTOR_SLOTS: '10' } });
    const latencies = async () => {
      const all: number[] = [];
      for (let n = 0; n < 40; n += 1) {
        const job = await api.submit({ type: 'work', queue: 'idle', payload: { ms: 0 } });
        const { startedAt, createdAt } = await api.waitFor(job.id);
        all.push(Date.parse(startedAt ?? '') - Date.parse(createdAt));
      }
      return all.toSorted((a, b) => a - b);
    };
    const median = (all: readonly number[]) => all[Math.floor(all.length / 2)] ?? Number.NaN;
    await latencies();
    const before = median(await latencies());

    await set('blocked', { concurrency: 1, rateLimit: { limit: 1000, interval: '1s' } });
    await submit(1, () => ({ queue: 'blocked', payload: { ms: 60_000 } }));
    await submit(DEPTH, (index) => ({
      queue: 'blocked',
      payload: { ms: 0 },
      fairnessKey: `t${index % 100}`,
    }));
    await set('paused', {});
    await api.request('POST', '/api/v1/queues/paused/pause');
    await submit(DEPTH / 10, () => ({ queue: 'paused', payload: { ms: 0 } }));
    // A machine that is busy with something else is so for a while; what the blocked queue did, it would do every time.
    await eventually(async () => expect(median(await latencies())).toBeLessThanOrEqual(before * 1.5 + 5), {
      within: 60_000,
    });
  },
);
