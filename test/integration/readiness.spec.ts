/** What services say of servers that answer but take no writes: no delivery could be published, no job stored. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DatabaseUnavailableError } from '#common/database/database-errors.js';
import { PrismaService } from '#common/database/prisma.service.js';
import { runChecks } from '#common/health/health.controller.js';
import { DeliveryConsumer } from '#common/queue/delivery-consumer.js';
import { DeliveryPublisher } from '#common/queue/delivery-publisher.js';
import { findRedis, RedisServer } from '#tools/servers/redis-server.js';
import { freePort } from '#tools/servers/server-process.js';
import { eventually } from '../support/eventually.js';
import { quiet, TestStore } from './support/database.js';

const binary = findRedis();

describe.skipIf(binary === undefined)('a Redis', () => {
  let folder: string;
  let server: RedisServer;
  let redis: Redis;
  let publisher: DeliveryPublisher;
  let consumer: DeliveryConsumer;

  beforeAll(async () => {
    if (binary === undefined) return;
    folder = await mkdtemp(join(tmpdir(), 'triumvir-readiness-'));
    server = new RedisServer({
      binary,
      dataFolder: join(folder, 'data'),
      logFile: join(folder, 'log'),
      port: await freePort(),
      password: 'not-a-secret',
    });
    await server.start();
    redis = new Redis(server.url);
    const environment = {
      REDIS_URL: server.url,
      REDIS_HOST: '127.0.0.1',
      REDIS_PORT: server.port,
      REDIS_PREFIX: 'ours',
    };
    publisher = new DeliveryPublisher(environment, quiet);
    consumer = new DeliveryConsumer(environment, { concurrency: 1, run: async () => undefined }, quiet);
    await eventually(async () => Object.values(await report()).every((result) => result === 'ok'));
  });
  afterAll(async () => {
    redis?.disconnect();
    await publisher?.onApplicationShutdown();
    await consumer?.close();
    await server?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  const report = async () => {
    const { checks } = await runChecks([
      { name: 'scheduler', check: publisher.check },
      { name: 'executor', check: consumer.check },
    ]);
    return checks;
  };

  test('that is out of memory makes its services not ready, and they say why, until it has some again', async () => {
    await redis.config('SET', 'maxmemory', '1');
    const fault = expect.stringMatching(/^cannot be written to: OOM /);
    expect(await report()).toEqual({ scheduler: fault, executor: fault });
    expect(await redis.ping()).toBe('PONG');
    await redis.config('SET', 'maxmemory', '0');
    expect(await report()).toEqual({ scheduler: 'ok', executor: 'ok' });
  });

  test('keeps nothing of being looked at, and whoever asks while it is frozen asks once', async () => {
    await report();
    expect(await redis.pttl('ours:ready')).toBeGreaterThan(0);
    await redis.config('RESETSTAT');
    server.pause();
    const asked = Array.from({ length: 5 }, () => publisher.check());
    server.resume();
    expect(await Promise.all(asked)).toEqual(Array(5).fill(undefined));
    expect(await redis.info('commandstats')).toContain('cmdstat_set:calls=1,');
  });
});

test('a Postgres that takes no writes is not ready, says why, and is no defect of ours', async () => {
  const store = await TestStore.open(2);
  expect(await store.prisma.check()).toBeUndefined();
  const readOnly = new PrismaService(
    { DATABASE_URL: store.url, PG_MAX_CONNS: 2 },
    'triumvir-test',
    quiet,
    '-c default_transaction_read_only=on',
  );
  expect(await readOnly.check()).toBe('the database is read-only');
  await expect(readOnly.query('DELETE FROM jobs RETURNING id')).rejects.toThrow(DatabaseUnavailableError);
  await readOnly.onApplicationShutdown();
  await store.close();
});
