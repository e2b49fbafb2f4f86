/** The Postman collection against a whole system, as `npm run postman` and people run it. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCollection } from '#tools/postman.js';
import { ROOT } from '#tools/root.js';
import { ApiClient } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { makeKey } from '../support/keys.js';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster?.stop());

/** What `npm run postman` starts once it has built: the environment says which store, and its key. */
function program(storeUrl: string, apiKey: string): Promise<{ code: unknown; output: string }> {
  const env = { ...process.env, STORE_SERVICE_URL: storeUrl, TRIUMVIR_API_KEY: apiKey, NO_COLOR: '1' };
  return new Promise((resolve) => {
    execFile(process.execPath, [join(ROOT, 'dist/tools/postman.js')], { env }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, output: stdout + stderr }),
    );
  });
}

test('the Postman collection passes on an open system', async () => {
  const { failures, assertions } = await runCollection(cluster.url);
  expect(failures).toEqual([]);
  expect(assertions).toBeGreaterThan(150);
});

let key: string | undefined;

test('it passes again, with a key, on what its first run has left, by the program of `npm run postman`', async () => {
  key ??= (await makeKey(new ApiClient([cluster.url]), ['admin'])).key;
  const { code, output } = await program(cluster.url, key);
  const [, executed, failed] = /assertions\D+(\d+)\D+(\d+)/.exec(output) ?? [];
  expect({ code, failed, output }).toEqual({ code: 0, failed: '0', output });
  expect(Number(executed)).toBeGreaterThan(150);
});
