import type { FastifyReply } from 'fastify';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { HealthController, type ReadinessCheck } from './health.controller.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

async function ready(...checks: ReadinessCheck[]) {
  const status = vi.fn<(code: number) => void>();
  const answer = new HealthController(checks).ready({ status } as unknown as FastifyReply);
  await vi.advanceTimersByTimeAsync(2000);
  return { report: await answer, code: status.mock.calls[0]?.[0] };
}

test('a process that answers is live', () => {
  expect(new HealthController([]).live()).toEqual({ status: 'ok' });
});

test('with every check passed it is ready, and no timer is left behind', async () => {
  const { report, code } = await ready(
    { name: 'postgres', check: () => undefined },
    { name: 'redis', check: async () => undefined },
  );
  expect(code).toBe(200);
  expect(report).toEqual({ status: 'ok', checks: { postgres: 'ok', redis: 'ok' } });
  expect(vi.getTimerCount()).toBe(0);
});

test('one failed check makes it unavailable, and the report says which and why', async () => {
  const { report, code } = await ready(
    { name: 'postgres', check: () => 'the database has not been migrated' },
    { name: 'redis', check: () => undefined },
    { name: 'zookeeper', check: () => Promise.reject(new Error('connection refused')) },
    {
      name: 'lease',
      check: () => {
        throw new Error('thrown at once');
      },
    },
  );
  expect(code).toBe(503);
  expect(report).toEqual({
    status: 'unavailable',
    checks: {
      postgres: 'the database has not been migrated',
      redis: 'ok',
      zookeeper: 'connection refused',
      lease: 'thrown at once',
    },
  });
});

test('a check that hangs has failed after two seconds, and holds up no other', async () => {
  const { report, code } = await ready(
    { name: 'postgres', check: () => new Promise<undefined>(() => undefined) },
    { name: 'redis', check: () => undefined },
  );
  expect(code).toBe(503);
  expect(report.checks).toEqual({ postgres: 'no answer within 2000 ms', redis: 'ok' });
});
