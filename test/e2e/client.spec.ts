/** The typed client against real stores, and its example, which is run as a user would run it. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TriumvirClient } from '#client/client.js';
import { ProblemError } from '#client/errors.js';
import { ROOT } from '#tools/root.js';
import { startCluster, type Cluster } from '../support/cluster.js';

let cluster: Cluster;
let client: TriumvirClient;

beforeAll(async () => {
  cluster = await startCluster();
  client = new TriumvirClient({ baseUrl: cluster.url });
});
afterAll(() => cluster?.stop());

const command = (line: string) => client.submitJob({ type: 'command', payload: { command: line } });

describe('the client', () => {
  test('submits a job and waits for its end, whatever that is', async () => {
    const [good, bad] = [
      await command('echo good'),
      await client.submitJob({ type: 'command', payload: { command: 'exit 3' }, maxAttempts: 1 }),
    ];
    const ended = await Promise.all([client.waitFor(good.id), client.waitFor(bad.id)]);
    expect(ended.map(({ state }) => state)).toEqual(['succeeded', 'dead']);
    // One that ended long ago is not waited for.
    expect((await client.waitFor(good.id)).attempt).toBe(1);
  });

  test('submits one job however often it is sent under a key', async () => {
    const ids = [];
    for (let i = 0; i < 3; i += 1)
      ids.push((await client.submitJob({ type: 'print', payload: { text: 'x' } }, 'key-1')).id);
    expect(new Set(ids).size).toBe(1);
  });

  test('hears what happens to a job from its submission to its end', async () => {
    const job = await client.submitJob({ type: 'print', payload: { text: 'x' }, delay: 500 });
    const heard: string[] = [];
    for await (const { event, data } of client.events(job.id)) {
      if (event === 'job') heard.push(data.state);
      if (heard.at(-1) === 'succeeded') break;
    }
    expect(heard.slice(-2)).toEqual(['running', 'succeeded']);
  });

  test('goes through all pages of a list', async () => {
    await client.post('/api/v1/jobs/batch', {
      body: {
        jobs: Array.from({ length: 23 }, () => ({
          type: 'print',
          payload: { text: 'x' },
          queue: 'paged',
        })),
      },
    });
    const lengths: number[] = [];
    for await (const { jobs } of client.pages('/api/v1/jobs', {
      params: { query: { queue: 'paged', limit: 10 } },
    }))
      lengths.push(jobs.length);
    expect(lengths).toEqual([10, 10, 3]);
  });

  test('throws what the store refuses, field by field', async () => {
    const error: unknown = await client
      .submitJob({ type: 'print', priority: 11 })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProblemError);
    expect(error).toMatchObject({ status: 422, kind: 'validation-failed', faults: [{ field: 'priority' }] });
    const id = '0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9a';
    await expect(client.waitFor(id)).rejects.toMatchObject({ status: 404, kind: 'not-found' });
  });
});

test('examples/client.mjs does what it says', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(ROOT, 'examples/client.mjs')], {
    env: { PATH: process.env['PATH'], STORE_SERVICE_URL: cluster.url },
    timeout: 60_000,
  });
  expect(stdout).toMatch(
    /^submitted [0-9a-f-]{36}\nSalve, orbis\nit succeeded after 1 attempt\(s\)\n\d+ dead\nrefused: type /,
  );
});
