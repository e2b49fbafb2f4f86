/** The whole system at work: three of each service, two thousand jobs of many kinds. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiClient } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';

let cluster: Cluster;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'triumvir-trio-'));
  cluster = await startCluster({ stores: 3, schedulers: 3, executors: 3 });
});

afterAll(async () => {
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Every run of a command job leaves a line here; short appends do not mix. */
const ledger = () => join(folder, 'ledger');

function mixedJobs(): Record<string, unknown>[] {
  const record = `echo "$JOB_ID $JOB_ATTEMPT" >> ${ledger()}`;
  const command = (text: string, rest: object = {}) => ({
    type: 'command',
    payload: { command: text },
    ...rest,
  });
  return [
    ...Array.from({ length: 1500 }, (_, i) => ({
      type: 'print',
      payload: { text: `number ${i}` },
      priority: i % 10,
    })),
    ...Array.from({ length: 350 }, (_, i) => command(record, { queue: i % 2 === 0 ? 'even' : 'odd' })),
    ...Array.from({ length: 50 }, () => command(`${record}; sleep 0.2`)),
    ...Array.from({ length: 50 }, () => command(`${record}; exit 3`, { maxAttempts: 1, name: 'fails' })),
    ...Array.from({ length: 50 }, () => command(record, { delay: '1s', name: 'later' })),
  ];
}

test('2,000 mixed jobs all reach their end state, each ran exactly once, on more than one executor', async () => {
  const api = new ApiClient(cluster.of('store').map(({ url }) => url));
  const submitted = await api.submitAll(mixedJobs());
  const jobs = await api.waitForAll(90_000);

  expect(jobs).toHaveLength(submitted.length);
  expect(new Set(jobs.map(({ id }) => id))).toEqual(new Set(submitted.map(({ id }) => id)));
  for (const job of jobs) {
    expect(job).toMatchObject({ state: job.name === 'fails' ? 'dead' : 'succeeded', attempt: 1 });
  }
  const runs = (await readFile(ledger(), 'utf8')).trimEnd().split('\n');
  expect(runs).toHaveLength(500);
  expect(new Set(runs).size).toBe(500);
  for (const job of jobs.filter(({ name }) => name === 'later')) {
    expect(Date.parse(job.startedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(job.runAt));
  }
  expect(new Set(jobs.map(({ executor }) => executor)).size).toBeGreaterThan(1);
});

test('the cluster view names every process, one leader for each election, and its epoch', async () => {
  const api = new ApiClient([cluster.url]);
  const { status, body } = await api.request<{
    members: Record<string, { id: string }[]>;
    elections: {
      election: string;
      leader: { id: string; epoch: number } | null;
      candidates: { id: string }[];
    }[];
    executors: { slots: number }[];
  }>('GET', '/api/v1/cluster');
  expect(status).toBe(200);
  expect(body.members['store']?.map(({ id }) => id).sort()).toEqual(['store-1', 'store-2', 'store-3']);
  expect(body.members['scheduler']).toHaveLength(3);
  expect(body.members['executor']).toHaveLength(3);
  expect(body.executors).toHaveLength(3);
  const elections = new Map(body.elections.map((election) => [election.election, election]));
  for (const name of ['scheduler/shard-0', 'executor/reclaimer']) {
    const election = elections.get(name);
    expect(election?.candidates).toHaveLength(3);
    expect(election?.leader).toMatchObject({ id: election?.candidates[0]?.id, epoch: 1 });
  }
});
