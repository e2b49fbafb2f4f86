/** Re-driving dead jobs: they begin anew, whatever was asked of the attempt that ended them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DeadLetterRepository } from '#common/database/dead-letter.repository.js';
import type { StartedJob } from '#common/domain/job.js';
import { decide } from '#common/domain/outcome.js';
import { uniqueName } from '../support/environment.js';
import { GRACE_MS, TestStore } from './support/database.js';

let store: TestStore;
beforeAll(async () => {
  store = await TestStore.open();
});
afterAll(() => store.close());

test('a cancel that came too late for a job that died is not held against its next attempt', async () => {
  const [leader, executorId, queue] = [await store.lead(), await store.executor(), uniqueName('queue')];
  const job = await store.submit({ queue, maxAttempts: 1 });
  await store.claim(leader, { [queue]: 1 });
  const [started] = await store.runs.start(executorId, [{ jobId: job.id, delivery: 1 }], GRACE_MS);
  await store.jobs.cancel(job.id);
  const { id, delivery, attempt } = started as StartedJob;
  const error = { name: 'CommandFailed', message: 'it failed by itself' };
  const decision = decide(started as StartedJob, { kind: 'failed', error }, 0);
  await store.runs.finish([{ jobId: id, delivery, attempt, executorId, decision, output: [] }]);
  expect(await store.job(job.id)).toMatchObject({ state: 'dead', cancelRequestedAt: expect.any(Date) });

  await new DeadLetterRepository(store.prisma).redrive(job.id, 1);
  expect(await store.job(job.id)).toMatchObject({ state: 'scheduled', cancelRequestedAt: null });
});
