/** How the end of one job reaches those that depend on it, whatever ends it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DeadLetterRepository } from '#common/database/dead-letter.repository.js';
import { ParentRepository } from '#common/database/parent.repository.js';
import { TestStore } from './support/database.js';
import { died, succeeded, WorkflowWorld } from './support/workflow.js';

let store: TestStore;
let world: WorkflowWorld;
let letters: DeadLetterRepository;

beforeAll(async () => {
  store = await TestStore.open();
  world = await WorkflowWorld.in(store);
  letters = new DeadLetterRepository(store.prisma);
});
afterAll(() => store.close());

describe('a job starts when all it depends on have succeeded', () => {
  test('and not before', async () => {
    const diamond = await world.make({ a: '', b: 'a', c: 'a', d: 'b c' });
    expect(await diamond.states()).toBe('a:scheduled b:blocked c:blocked d:blocked');
    expect(await diamond.start()).toEqual(['a']);
    await diamond.finish({ a: succeeded() });
    expect(await diamond.states()).toBe('a:succeeded b:scheduled c:scheduled d:blocked');
    expect(await diamond.start()).toEqual(['b', 'c']);
    await diamond.finish({ b: succeeded() });
    expect(await diamond.states()).toBe('a:succeeded b:succeeded c:running d:blocked');
    expect((await diamond.job('d')).waitsFor).toBe(1);
    await diamond.finish({ c: succeeded() });
    expect(await diamond.start()).toEqual(['d']);
    await diamond.finish({ d: succeeded() });
    expect((await diamond.workflow()).state).toBe('succeeded');
  });

  test('two of which end in one batch count down by two', async () => {
    const join = await world.make({ a: '', b: '', c: 'a b' });
    await join.start();
    await join.finish({ a: succeeded(), b: succeeded() });
    expect(await join.job('c')).toMatchObject({ state: 'scheduled', waitsFor: 0 });
  });

  test('two that end at the same moment in two transactions both count', async () => {
    const joins = await Promise.all(Array.from({ length: 40 }, () => world.make({ a: '', b: '', c: 'a b' })));
    for (const join of joins) await join.start();
    await Promise.all(
      joins.flatMap((join) => [join.finish({ a: succeeded() }), join.finish({ b: succeeded() })]),
    );
    for (const join of joins) expect((await join.job('c')).state).toBe('scheduled');
  });

  test('batches that share children do not deadlock, in whatever order they name the parents', async () => {
    const names = [1, 2, 3, 4, 5, 6];
    const children = Object.fromEntries(names.map((n) => [`c${n}`, 'a b']));
    for (let round = 0; round < 10; round += 1) {
      const mesh = await world.make({ a: '', b: '', ...children });
      await mesh.start();
      await Promise.all([mesh.finish({ a: succeeded() }), mesh.finish({ b: succeeded() })]);
      expect(await mesh.start()).toHaveLength(names.length);
    }
  });

  test('a retry of the parent does not count as its end', async () => {
    const pair = await world.make({ a: '', b: 'a' });
    await pair.start();
    await pair.finish({ a: { kind: 'snoozed', delayMs: 0 } });
    expect(await pair.states()).toBe('a:scheduled b:blocked');
  });

  test('not before its own time, and when that has passed at once', async () => {
    const later = new Date(Date.now() + 3_600_000);
    const pair = await world.make({ a: '', b: 'a' }, { runAt: later });
    await store.turnClock('jobs', pair.idOf('a'), `run_at = now()`);
    await pair.start();
    await pair.finish({ a: succeeded() });
    expect((await pair.job('b')).runAt).toEqual(later);
  });
});

describe('when one it depends on ends without success', () => {
  test('cancel: it is cancelled with the reason, and so is all that depends on it', async () => {
    const chain = await world.make({ a: '', b: 'a', c: 'b', d: 'c' });
    await chain.start();
    await chain.finish({ a: died });
    expect(await chain.states()).toBe('a:dead b:cancelled c:blocked d:blocked');
    await world.settle();
    expect(await chain.states()).toBe('a:dead b:cancelled c:cancelled d:cancelled');
    expect((await chain.job('b')).error).toEqual({
      name: 'DependencyFailed',
      message: `the job ${chain.idOf('a')}, on which it depends, is dead`,
      details: { parentId: chain.idOf('a'), parentState: 'dead' },
    });
    expect((await chain.workflow()).state).toBe('failed');
  });

  test('run: it starts all the same', async () => {
    const pair = await world.make({ a: '', b: 'a!run' });
    await pair.start();
    await pair.finish({ a: died });
    expect(await pair.start()).toEqual(['b']);
    await pair.finish({ b: succeeded() });
    expect((await pair.workflow()).state).toBe('failed');
  });

  test('hold: it is held, and the workflow waits for a person', async () => {
    const pair = await world.make({ a: '', b: 'a!hold', c: 'b' });
    await pair.start();
    await pair.finish({ a: died });
    await world.settle();
    expect(await pair.states()).toBe('a:dead b:held c:blocked');
    expect(await pair.workflow()).toMatchObject({
      state: 'held',
      counts: { dead: 1, held: 1, blocked: 1 },
      finishedAt: null,
    });
  });

  test('each dependency has its own rule, and cancel goes before hold before run', async () => {
    const plan = { a: '', b: '', c: 'a!run b!hold', d: 'a!hold b!cancel', e: 'a!run b!run' };
    const mixed = await world.make(plan);
    await mixed.start();
    await mixed.finish({ a: died });
    expect(await mixed.states()).toBe('a:dead b:running c:blocked d:held e:blocked');
    await mixed.finish({ b: died });
    expect(await mixed.states()).toBe('a:dead b:dead c:held d:cancelled e:scheduled');
  });

  test('one that is held is not released by the others that it waits for', async () => {
    const join = await world.make({ a: '', b: '', c: 'a!hold b' });
    await join.start();
    await join.finish({ a: died, b: succeeded() });
    expect(await join.states()).toBe('a:dead b:succeeded c:held');
  });
});

describe('whatever ends a job, those that depend on it are told', () => {
  test('a cancellation, in the same transaction', async () => {
    const plan = { a: '', b: 'a', c: 'a!run', d: 'a!hold' };
    const waiting = await world.make(plan);
    await store.jobs.cancel(waiting.idOf('a'));
    expect(await waiting.states()).toBe('a:cancelled b:cancelled c:scheduled d:held');
    const running = await world.make(plan);
    await running.start();
    await store.jobs.cancel(running.idOf('a'));
    expect(await running.states()).toBe('a:running b:blocked c:blocked d:blocked');
    await running.finish({ a: { kind: 'cancelled' } });
    expect(await running.states()).toBe('a:cancelled b:cancelled c:scheduled d:held');
  });

  test('the reclaim of a lost job that may not be tried again', async () => {
    const pair = await world.make({ a: '', b: 'a' }, { onLost: 'fail' });
    await pair.start();
    const { id, delivery, attempt } = pair.started('a');
    const error = { name: 'ExecutorLost', message: 'lost' };
    const lost = { jobId: id, delivery, attempt, executorId: world.executor, output: [] };
    const reclaimed = [{ ...lost, decision: { state: 'dead' as const, error } }];
    expect(await store.runs.reclaim({ ...world.leader, epoch: 0n }, reclaimed)).toBe('fenced');
    expect(await pair.states()).toBe('a:running b:blocked');
    expect(await store.runs.reclaim(world.leader, reclaimed)).toBe(1);
    expect(await pair.states()).toBe('a:dead b:cancelled');
  });

  test('the same of one whose cancel was asked for, which is what they are told', async () => {
    const pair = await world.make({ a: '', b: 'a' }, { onLost: 'fail' });
    await pair.start();
    const { id, delivery, attempt } = pair.started('a');
    await store.jobs.cancel(id);
    const error = { name: 'ExecutorLost', message: 'lost' };
    const lost = { jobId: id, delivery, attempt, executorId: world.executor, output: [] };
    await store.runs.reclaim(world.leader, [{ ...lost, decision: { state: 'dead', error } }]);
    expect(await pair.states()).toBe('a:cancelled b:cancelled');
    expect((await pair.job('b')).error?.details).toMatchObject({ parentState: 'cancelled' });
    expect((await pair.workflow()).state).toBe('cancelled');
  });

  test('an end of which its author said nothing is settled by the leader, and by no deposed one', async () => {
    const pair = await world.make({ a: '', b: 'a!run', c: 'a' });
    await store.turnClock('jobs', pair.idOf('a'), `state = 'expired', finished_at = now()`);
    expect(await pair.states()).toBe('a:expired b:blocked c:blocked');
    const deposed = { ...world.leader, epoch: world.leader.epoch - 1n };
    expect(await world.upkeep.settle(deposed, 500)).toBe('fenced');
    expect(await pair.states()).toBe('a:expired b:blocked c:blocked');
    expect(await world.settle()).toBe(1);
    expect(await pair.states()).toBe('a:expired b:scheduled c:cancelled');
  });

  test('a cancellation that must go down a deep tree is finished by the next leader', async () => {
    const depth = 30;
    const plan = Object.fromEntries(
      Array.from({ length: depth }, (_, n) => [`j${n}`, n === 0 ? '' : `j${n - 1}`]),
    );
    const chain = await world.make(plan);
    await chain.start();
    await chain.finish({ j0: died });
    await world.upkeep.settle(world.leader, 500);
    expect((await chain.workflow()).counts).toEqual({ dead: 1, cancelled: 2, blocked: depth - 3 });
    await world.settle();
    expect((await chain.workflow()).counts).toEqual({ dead: 1, cancelled: depth - 1 });
  });

  test('jobs that are not in a workflow wait for nothing and tell nobody', async () => {
    const job = await store.submit({ queue: 'alone' });
    await store.claim(world.leader, { alone: 1 });
    const [started] = await store.runs.start(world.executor, [{ jobId: job.id, delivery: 1 }], 0);
    expect(started).toMatchObject({ hasParents: null });
    expect(await store.job(job.id)).toMatchObject({ workflowId: null, waitsFor: null });
  });
});

describe('a person re-drives', () => {
  test('a dead job: those held for it wait again, and start when it succeeds', async () => {
    const plan = { a: '', b: 'a!hold', c: 'a' };
    const pair = await world.make(plan);
    await pair.start();
    await pair.finish({ a: died });
    expect(await letters.redrive(pair.idOf('a'), 1)).toBe(true);
    expect(await pair.states()).toBe('a:scheduled b:blocked c:cancelled');
    expect((await pair.workflow()).state).toBe('running');
    expect(await pair.start()).toEqual(['a']);
    await pair.finish({ a: succeeded() });
    expect(await pair.states()).toBe('a:succeeded b:scheduled c:cancelled');
  });

  test('a held job: it starts in spite of what it depends on, and nobody counts it down later', async () => {
    const join = await world.make({ a: '', b: '', c: 'a!hold b!hold' });
    await join.start();
    await join.finish({ a: died });
    expect(await letters.redrive(join.idOf('c'), 2)).toBe(true);
    expect(await join.job('c')).toMatchObject({
      state: 'scheduled',
      waitsFor: 0,
      error: null,
      maxAttempts: 2,
    });
    expect(await store.jobs.earlierAttempts(join.idOf('c'))).toEqual([]);
    await join.finish({ b: succeeded() });
    expect(await join.job('c')).toMatchObject({ state: 'scheduled', waitsFor: 0 });
  });

  test('a held job whose time to start has passed meanwhile: it starts all the same', async () => {
    const pair = await world.make({ a: '', b: 'a!hold' });
    await pair.start();
    await store.turnClock('jobs', pair.idOf('b'), `expires_at = now() - interval '1 s'`);
    await pair.finish({ a: died });
    expect(await letters.redrive(pair.idOf('b'), 1)).toBe(true);
    expect(await pair.job('b')).toMatchObject({ state: 'scheduled', expiresAt: null });
    expect(await pair.start()).toEqual(['b']);
  });

  test('a job whose end was counted already: its second end is not counted again', async () => {
    const join = await world.make({ a: '', b: '', c: 'a!run b' });
    await join.start();
    await join.finish({ a: died });
    await letters.redrive(join.idOf('a'), 1);
    expect(await join.start()).toEqual(['a']);
    await join.finish({ a: succeeded() });
    expect(await join.job('c')).toMatchObject({ state: 'blocked', waitsFor: 1 });
  });

  test('not a job that merely waits', async () => {
    const pair = await world.make({ a: '', b: 'a' });
    expect(await letters.redrive(pair.idOf('b'), 1)).toBe(false);
  });
});

describe('what parents have returned', () => {
  const parents = () => new ParentRepository(store.prisma);

  test('can be read by their children, with how they ended', async () => {
    const join = await world.make({ a: '', b: '', c: 'a b!run' });
    await join.start();
    await join.finish({ a: succeeded({ rows: 3 }), b: died });
    expect(await parents().parentsOf(join.idOf('c'))).toEqual([
      {
        id: join.idOf('a'),
        name: 'a',
        state: 'succeeded',
        onDependencyFailure: 'cancel',
        result: { rows: 3 },
        omitted: false,
      },
      {
        id: join.idOf('b'),
        name: 'b',
        state: 'dead',
        onDependencyFailure: 'run',
        result: null,
        omitted: false,
      },
    ]);
    await join.start();
    expect(join.started('c').hasParents).toBe(true);
    expect(join.started('a').hasParents).toBe(null);
    expect(await parents().parentsOf(join.idOf('a'))).toEqual([]);
  });

  test('is left out and marked where all together it is too large', async () => {
    const names = Array.from({ length: 20 }, (_, n) => `p${n}`);
    const plan = { ...Object.fromEntries(names.map((name) => [name, ''])), c: names.join(' ') };
    const fan = await world.make(plan);
    await fan.start();
    await fan.finish(Object.fromEntries(names.map((name) => [name, succeeded('x'.repeat(250_000))])));
    const read = await parents().parentsOf(fan.idOf('c'));
    expect(read).toHaveLength(20);
    expect(read.filter(({ omitted }) => !omitted)).toHaveLength(16);
    for (const { result, omitted } of read) expect(result === null).toBe(omitted);
  });
});
