/** The Postman collection against a whole system, as `npm run postman` and people run it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCollection } from '#tools/postman.js';
import { startCluster, type Cluster } from '../support/cluster.js';

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster?.stop());

test('the Postman collection passes, and passes again on what its first run has left', async () => {
  for (let run = 1; run <= 2; run += 1) {
    const { failures, assertions } = await runCollection(cluster.url);
    expect(failures).toEqual([]);
    expect(assertions).toBeGreaterThan(150);
  }
});
