/** Re-driving dead jobs: they begin anew, whatever was asked of the attempt that ended them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DeadLetterRepository } from '#common/database/dead-letter.repository.js';
import type { NewJob, StartedJob } from '#common/domain/job.js';
import { decide } from '#common/domain/outcome.js';
import { withPostgres } from '#tools/sql.js';
import { uniqueName } from '../support/environment.js';
import { eventually } from '../support/eventually.js';
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

/** A job that used up its only attempt. */
async function die(changes: Partial<NewJob> & { queue: string }): Promise<string> {
  const { id } = await store.submit({ ...changes, maxAttempts: 1 });
  await store.claim(await store.lead(), { [changes.queue]: 1 });
  const executorId = await store.executor();
  const [started] = await store.runs.start(executorId, [{ jobId: id, delivery: 1 }], GRACE_MS);
  const { delivery, attempt } = started as StartedJob;
  const error = { name: 'CommandFailed', message: 'it failed' };
  const decision = decide(started as StartedJob, { kind: 'failed', error }, 0);
  await store.runs.finish([{ jobId: id, delivery, attempt, executorId, decision, output: [] }]);
  return id;
}

const ofQueue = (queue: string) => ({ queue, queuePatterns: null });

test('of dead jobs with one unique key the oldest comes back, and the others keep none from it', async () => {
  const [queue, uniqueKey] = [uniqueName('queue'), uniqueName('key')];
  const oldest = await die({ queue, uniqueKey });
  const [second, third] = [await die({ queue, uniqueKey }), await die({ queue, uniqueKey })];
  const [plain, other] = [await die({ queue }), await die({ queue })];

  const redriven = await new DeadLetterRepository(store.prisma).redriveMatching(ofQueue(queue), 1);
  expect(redriven).toBe(3);
  const stateOf = async (id: string) => (await store.job(id)).state;
  for (const id of [oldest, plain, other]) expect(await stateOf(id)).toBe('scheduled');
  for (const id of [second, third]) expect(await stateOf(id)).toBe('dead');
});

test('a dead job whose unique key is taken at that very moment is left alone', async () => {
  const [queue, uniqueKey] = [uniqueName('queue'), uniqueName('key')];
  const id = await die({ queue, uniqueKey });
  const rival = await store.submit({ queue: uniqueName('queue') });
  const redriven = await withPostgres(store.url, async (other) => {
    await other.query('BEGIN');
    await other.query('UPDATE jobs SET unique_key = $1 WHERE id = $2', [uniqueKey, rival.id]);
    const attempt = new DeadLetterRepository(store.prisma).redrive(id, 1);
    await eventually(async () => {
      const waiting = await store.prisma.query(
        `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '/* redrive_one */%' AND datname = current_database()`,
      );
      expect(waiting).toHaveLength(1);
    });
    await other.query('COMMIT');
    return attempt;
  });
  expect(redriven).toBe(false);
  expect((await store.job(id)).state).toBe('dead');
});
