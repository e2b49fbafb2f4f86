/** The Postman collection against a whole system, as `npm run postman` and people run it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCollection } from '#tools/postman.js';
import { ApiClient } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { makeKey } from '../support/keys.js';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster?.stop());

test('the Postman collection passes on an open system, and again, with a key, on what its first run has left', async () => {
  const store = new ApiClient([cluster.url]);
  const keys = [async () => '', async () => (await makeKey(store, ['admin'])).key];
  for (const key of keys) {
    const { failures, assertions } = await runCollection(cluster.url, { apiKey: await key() });
    expect(failures).toEqual([]);
    expect(assertions).toBeGreaterThan(150);
  }
});
