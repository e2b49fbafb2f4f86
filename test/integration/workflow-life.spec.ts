/** A workflow as a whole: submitted once, cancelled, retried, closed, and in the end forgotten. */
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DeadLetterRepository } from '#common/database/dead-letter.repository.js';
import { ExpiryRepository } from '#common/database/expiry.repository.js';
import { PruneRepository } from '#common/database/prune.repository.js';
import { newJob, TestStore } from './support/database.js';
import { died, succeeded, WorkflowWorld, type TestWorkflow } from './support/workflow.js';

const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

let store: TestStore;
let world: WorkflowWorld;
let letters: DeadLetterRepository;

beforeAll(async () => {
  store = await TestStore.open();
  world = await WorkflowWorld.in(store);
  letters = new DeadLetterRepository(store.prisma);
});
afterAll(() => store.close());

/** Looks at every open workflow, as the leader does in rounds. */
async function closeAll(leader = world.leader): Promise<number> {
  let closed = 0;
  for (let from: string | null = BEFORE_ALL; from !== null;) {
    const step: { closed: number; lastId: string | null } = await world.upkeep.close(leader, from, 3);
    closed += step.closed;
    from = step.lastId;
  }
  return closed;
}
const rowOf = async ({ id }: TestWorkflow) => {
  const [row] = await store.prisma.query<{ finishedAt: Date | null; counts: object | null }>(
    `SELECT finished_at AS "finishedAt", counts FROM workflows WHERE id = $1::uuid`,
    id,
  );
  return row;
};

describe('submission', () => {
  const workflow = () => {
    const jobs = [newJob({ queue: 'submission' }), newJob({ queue: 'submission' })];
    const dependencies = [{ parent: 0, child: 1, onFailure: 'cancel' as const }];
    return { id: uuidv7(), name: 'twice', jobs, dependencies };
  };

  test('a repetition with the same Idempotency-Key makes nothing and finds the first', async () => {
    const key = { key: 'once', requestHash: 'h' };
    const first = workflow();
    expect(await world.workflows.insert(first, key)).toEqual({ kind: 'created' });
    expect(await world.workflows.insert(workflow(), key)).toEqual({ kind: 'replayed', id: first.id });
    expect(await world.workflows.insert(workflow(), { ...key, requestHash: 'other' })).toEqual({
      kind: 'other-request',
    });
    const jobs = await store.list({ queue: 'submission' }, 10);
    expect(jobs.map(({ id }) => id).toSorted()).toEqual(first.jobs.map(({ id }) => id));
    expect(await world.workflows.get(first.id)).toMatchObject({ name: 'twice', jobCount: 2, version: 1 });
  });

  test('of many that arrive at once with one key, one is made', async () => {
    const key = { key: 'race', requestHash: 'h' };
    const results = await Promise.all(
      Array.from({ length: 8 }, () => world.workflows.insert(workflow(), key)),
    );
    expect(results.filter(({ kind }) => kind === 'created')).toHaveLength(1);
    expect(new Set(results.flatMap((result) => (result.kind === 'replayed' ? [result.id] : []))).size).toBe(
      1,
    );
  });

  test('all or nothing: a job that cannot be stored keeps the others out too', async () => {
    const given = workflow();
    const twice = { ...given, jobs: given.jobs.map((job) => ({ ...job, priority: 77 })) };
    await expect(world.workflows.insert(twice, { key: 'broken', requestHash: 'h' })).rejects.toThrow();
    expect(await world.workflows.get(given.id)).toBeUndefined();
    expect(await world.workflows.insert(workflow(), { key: 'broken', requestHash: 'h' })).toEqual({
      kind: 'created',
    });
  });

  test('ten thousand jobs with a hundred thousand dependencies are stored, listed in order, and cancelled', async () => {
    const jobs = Array.from({ length: 10_000 }, () => newJob({ queue: 'large' }));
    const dependencies = jobs.flatMap((_, child) =>
      Array.from({ length: Math.min(child, 10) }, (_, n) => ({
        parent: child - n - 1,
        child,
        onFailure: 'cancel' as const,
      })),
    );
    const id = uuidv7();
    await world.workflows.insert({ id, name: null, jobs, dependencies }, undefined);
    expect(await world.workflows.get(id)).toMatchObject({ counts: { scheduled: 1, blocked: 9999 } });
    const page = await world.workflows.jobs(id, jobs[99]?.id, ['blocked'], 50);
    expect(page.map((job) => job.id)).toEqual(jobs.slice(100, 150).map((job) => job.id));
    expect(await world.workflows.dependenciesOf([jobs[5]?.id ?? ''])).toHaveLength(5);
    expect(await world.workflows.cancel(id)).toEqual({ running: [] });
    expect(await world.workflows.get(id)).toMatchObject({
      state: 'cancelled',
      counts: { cancelled: 10_000 },
    });
  });
});

describe('cancel', () => {
  test('ends what waits, asks what runs to end, and leaves what has ended', async () => {
    const flow = await world.make({ a: '', b: 'a', c: 'b', d: 'b!run' });
    await flow.start();
    await flow.finish({ a: succeeded() });
    await flow.start();
    expect(await world.workflows.cancel(flow.id)).toEqual({ running: [flow.idOf('b')] });
    expect(await flow.states()).toBe('a:succeeded b:running c:cancelled d:cancelled');
    expect(await flow.workflow()).toMatchObject({ state: 'running', finishedAt: null });
    await flow.finish({ b: { kind: 'cancelled' } });
    expect(await flow.states()).toBe('a:succeeded b:cancelled c:cancelled d:cancelled');
    expect((await flow.workflow()).state).toBe('cancelled');
    expect(await world.workflows.cancel(flow.id)).toBe('over');
    expect(await world.settle()).toBe(0);
  });

  test('what a store had only begun to cancel, the leader goes on with; a deposed one does not', async () => {
    const flow = await world.make({ a: '', b: 'a', c: '' });
    await flow.start();
    await store.turnClock('workflows', flow.id, 'cancel_requested_at = now()');
    const deposed = { ...world.leader, epoch: world.leader.epoch - 1n };
    expect(await world.upkeep.goOnCancelling(deposed, 100)).toEqual({ cancelled: 0, running: [] });
    const step = await world.upkeep.goOnCancelling(world.leader, 100);
    expect(step.cancelled).toBe(3);
    expect(step.running.toSorted()).toEqual([flow.idOf('a'), flow.idOf('c')]);
    expect(await world.upkeep.goOnCancelling(world.leader, 100)).toEqual({ cancelled: 0, running: [] });
    await flow.finish({ a: { kind: 'cancelled' }, c: succeeded() });
    expect((await flow.workflow()).state).toBe('cancelled');
  });

  test('nothing starts after it, though parents succeed in the same moment', async () => {
    for (let round = 0; round < 15; round += 1) {
      const flow = await world.make({ a: '', b: 'a', c: 'a', d: 'b c' });
      await flow.start();
      await Promise.all([flow.finish({ a: succeeded() }), world.workflows.cancel(flow.id)]);
      expect(await flow.start()).toEqual([]);
      expect((await flow.workflow()).counts).toEqual({ succeeded: 1, cancelled: 3 });
    }
  });
});

describe('retry', () => {
  test('begins where it failed: what has succeeded is not run again, what was cancelled for it is', async () => {
    const flow = await world.make({ a: '', b: 'a', c: 'b', d: 'a' }, { maxAttempts: 1 });
    await flow.start();
    await flow.finish({ a: succeeded({ n: 1 }) });
    await flow.start();
    await flow.finish({ b: died, d: succeeded() });
    await world.settle();
    expect(await flow.workflow()).toMatchObject({ state: 'failed', version: 1 });
    expect(await closeAll()).toBeGreaterThan(0);
    expect(await world.workflows.retry(flow.id, 1, 2)).toEqual({ due: 1, waiting: 1 });
    expect(await flow.states()).toBe('a:succeeded b:scheduled c:blocked d:succeeded');
    expect(await flow.workflow()).toMatchObject({ state: 'running', version: 2, finishedAt: null });
    expect((await flow.job('b')).maxAttempts).toBe(3);
    expect((await flow.job('c')).maxAttempts).toBe(1);
    expect(await flow.start()).toEqual(['b']);
    await flow.finish({ b: succeeded() });
    expect(await flow.start()).toEqual(['c']);
    await flow.finish({ c: succeeded() });
    expect((await flow.workflow()).state).toBe('succeeded');
    expect(await store.jobs.earlierAttempts(flow.idOf('b'))).toMatchObject([
      { attempt: 1, outcome: 'failed' },
    ]);
  });

  test('a second failure is met by the same rules as the first', async () => {
    const flow = await world.make({ a: '', b: 'a', c: 'b!hold' });
    for (let round = 1; round <= 3; round += 1) {
      expect(await flow.start()).toEqual(['a']);
      await flow.finish({ a: died });
      await world.settle();
      expect(await flow.states()).toBe('a:dead b:cancelled c:held');
      expect(await world.workflows.retry(flow.id, round, 1)).toEqual({ due: 1, waiting: 2 });
    }
  });

  test('an expiry that has passed counts no more, one that has not still does', async () => {
    const flow = await world.make({ a: '', b: '', c: 'a' });
    for (const [name, at] of [
      ['a', `'-1 s'`],
      ['b', `'1 h'`],
      ['c', `'-1 s'`],
    ] as const)
      await store.turnClock('jobs', flow.idOf(name), `expires_at = now() + interval ${at}`);
    expect(await new ExpiryRepository(store.prisma, store.epochs).expire(world.leader, 100)).toBe(1);
    await world.workflows.cancel(flow.id);
    await world.settle();
    expect(await flow.states()).toBe('a:expired b:cancelled c:cancelled');
    expect(await world.workflows.retry(flow.id, 1, 1)).toEqual({ due: 2, waiting: 1 });
    expect(await flow.job('a')).toMatchObject({ state: 'scheduled', expiresAt: null });
    expect(await flow.job('b')).toMatchObject({ expiresAt: expect.any(Date) });
    expect(await flow.job('c')).toMatchObject({ state: 'blocked', expiresAt: null });
    expect(await flow.start()).toEqual(['a', 'b']);
  });

  test('a cancelled workflow goes on where it was cancelled, and the cancelled attempt is history', async () => {
    const flow = await world.make({ a: '', b: 'a' });
    await flow.start();
    await world.workflows.cancel(flow.id);
    await flow.finish({ a: { kind: 'cancelled' } });
    expect(await world.workflows.retry(flow.id, 1, 1)).toEqual({ due: 1, waiting: 1 });
    expect(await store.jobs.earlierAttempts(flow.idOf('a'))).toMatchObject([
      { attempt: 1, outcome: 'cancelled' },
    ]);
    expect(await world.upkeep.goOnCancelling(world.leader, 100)).toEqual({ cancelled: 0, running: [] });
    await flow.start();
    expect(await flow.job('a')).toMatchObject({ state: 'running', attempt: 2, cancelRequestedAt: null });
  });

  test('is refused while something goes on, after another retry, and when jobs have been deleted', async () => {
    const flow = await world.make({ a: '', b: '' });
    await flow.start();
    await flow.finish({ a: died });
    expect(await world.workflows.retry(flow.id, 1, 1)).toBe('refused');
    await flow.finish({ b: died });
    const retries = await Promise.all([1, 2, 3].map(() => world.workflows.retry(flow.id, 1, 1)));
    expect(retries.filter((result) => result !== 'refused')).toEqual([{ due: 2, waiting: 0 }]);
    await flow.start();
    await flow.finish({ a: died, b: succeeded() });
    await store.prisma.query(`DELETE FROM jobs WHERE id = $1::uuid`, flow.idOf('b'));
    expect(await world.workflows.retry(flow.id, 2, 1)).toBe('refused');
  });
});

describe('when all of its jobs have ended', () => {
  test('the leader writes down what became of it, once', async () => {
    const flow = await world.make({ a: '', b: 'a' });
    await flow.start();
    await closeAll();
    expect(await rowOf(flow)).toEqual({ finishedAt: null, counts: null });
    await flow.finish({ a: died });
    const before = await flow.workflow();
    expect(before).toMatchObject({ state: 'failed', counts: { dead: 1, cancelled: 1 } });
    await closeAll({ ...world.leader, epoch: world.leader.epoch - 1n });
    expect(await rowOf(flow)).toMatchObject({ counts: null });
    expect(await closeAll()).toBe(1);
    expect(await closeAll()).toBe(0);
    expect(await flow.workflow()).toEqual(before);
    expect(await rowOf(flow)).toEqual({ finishedAt: before.finishedAt, counts: { dead: 1, cancelled: 1 } });
  });

  test('a dead job that is re-driven opens it again, also in the moment in which it is closed', async () => {
    for (let round = 0; round < 15; round += 1) {
      const flow = await world.make({ a: '' });
      await flow.start();
      await flow.finish({ a: died });
      await Promise.all([closeAll(), letters.redrive(flow.idOf('a'), 1), closeAll()]);
      expect(await rowOf(flow)).toEqual({ finishedAt: null, counts: null });
      await store.jobs.cancel(flow.idOf('a'));
    }
  });

  test('the list tells of open and closed ones alike, newest first', async () => {
    const over = await world.make({ a: '' });
    await over.start();
    await over.finish({ a: succeeded() });
    await closeAll();
    const open = await world.make({ a: '', b: 'a' });
    const [first, second] = await world.workflows.list(undefined, undefined, 2, null);
    expect(first).toMatchObject({ id: open.id, state: 'running', counts: { scheduled: 1, blocked: 1 } });
    expect(second).toMatchObject({ id: over.id, state: 'succeeded', counts: { succeeded: 1 } });
    expect((await world.workflows.list(open.id, undefined, 1, null)).map(({ id }) => id)).toEqual([over.id]);
    expect(
      (await world.workflows.list(undefined, true, 100, null)).every(({ finishedAt }) => finishedAt !== null),
    ).toBe(true);
    expect((await world.workflows.list(undefined, false, 1, null))[0]?.id).toBe(open.id);
  });
});

describe('retention', () => {
  const RETENTION = { succeededMs: 0, cancelledMs: 0, expiredMs: 0, deadMs: 0 };
  const HOUR_MS = 3_600_000;

  test('keeps the jobs of a workflow until it is over, then all of it goes', async () => {
    const pruner = new PruneRepository(store.prisma, store.epochs);
    const dependencies = [{ parent: 0, child: 1, onFailure: 'hold' as const }];
    const old = Date.now() - HOUR_MS;
    const jobs = [0, 1].map((n) => newJob({ id: uuidv7({ msecs: old + n }), queue: 'retention' }));
    const [a = '', b = ''] = jobs.map(({ id }) => id);
    const id = uuidv7({ msecs: old });
    await world.workflows.insert({ id, name: null, jobs, dependencies }, undefined);
    const end = (job: string, state: string) =>
      store.turnClock('jobs', job, `state = '${state}', finished_at = now() - interval '1 minute'`);
    await end(a, 'dead');
    await pruner.pruneJobs(world.leader, RETENTION, BEFORE_ALL, 1000);
    expect(await letters.purgeMatching({ queuePatterns: null, queue: 'retention' })).toBe(0);
    expect((await store.job(a)).state).toBe('dead');
    await end(b, 'cancelled');
    await closeAll();
    await pruner.pruneJobs(world.leader, RETENTION, BEFORE_ALL, 10_000);
    expect(await store.jobs.get(a)).toBeUndefined();
    expect(await world.workflows.dependenciesOf([b])).toEqual([]);
    expect(await world.workflows.get(id)).toMatchObject({ counts: { dead: 1, cancelled: 1 } });
    await pruner.pruneWorkflows(world.leader, BEFORE_ALL, 1000);
    expect(await world.workflows.get(id)).toBeUndefined();
  });
});
