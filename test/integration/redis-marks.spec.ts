/** The marks by which the leader of each shard finds out that Redis was emptied. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DeliveryPublisher } from '#common/queue/delivery-publisher.js';
import { testServers, uniqueName } from '../support/environment.js';
import { eventually } from '../support/eventually.js';
import { quiet } from './support/database.js';

const REDIS_PREFIX = uniqueName('prefix');
let redis: Redis;
let publisher: DeliveryPublisher;

beforeAll(async () => {
  const { redisUrl } = testServers();
  redis = new Redis(redisUrl);
  const environment = { REDIS_URL: redisUrl, REDIS_HOST: '127.0.0.1', REDIS_PORT: 6379, REDIS_PREFIX };
  publisher = new DeliveryPublisher(environment, quiet);
  await eventually(() => publisher.connected);
});
afterAll(async () => {
  redis.disconnect();
  await publisher.onApplicationShutdown();
});

test('the mark of one shard says nothing of another, stays for good, and goes with the data', async () => {
  const marks = () => Promise.all([0, 1].map((shard) => publisher.isMarked(shard)));
  expect(await marks()).toEqual([false, false]);
  await publisher.mark(0);
  expect(await marks()).toEqual([true, false]);
  await publisher.mark(1);
  expect(await marks()).toEqual([true, true]);

  const keys = await redis.keys(`${REDIS_PREFIX}:*`);
  expect(await Promise.all(keys.map((key) => redis.ttl(key)))).toEqual([-1, -1]);
  await redis.del(keys);
  expect(await marks()).toEqual([false, false]);
});
