import { describe, expect, test } from 'vitest';
import { JOB_STATES, type Job } from './job.js';
import type { QueueFacts } from './why-queue.js';
import type { Reason } from './why-reasons.js';
import { why, type KnownExecutor, type WhyFacts } from './why.js';

const NOW = new Date('2026-06-01T12:00:00Z');
const later = (ms: number) => new Date(NOW.getTime() + ms);
const ERROR = { name: 'CommandFailed', message: 'exit code 1' };

function job(changes: Partial<Job> = {}): Job {
  return {
    id: 'job',
    name: null,
    type: 'report',
    queue: 'nightly',
    payload: {},
    priority: 5,
    maxAttempts: 4,
    timeoutMs: 60_000,
    retry: null,
    onLost: 'retry',
    uniqueKey: null,
    tags: [],
    concurrencyKey: null,
    fairnessKey: null,
    createdBy: null,
    workflowId: null,
    waitsFor: null,
    expiresAt: null,
    state: 'scheduled',
    runAt: later(-1000),
    delivery: 0,
    attempt: 0,
    createdAt: later(-5000),
    queuedAt: null,
    startedAt: null,
    finishedAt: null,
    executorId: null,
    worker: null,
    cancelRequestedAt: null,
    result: null,
    error: null,
    ...changes,
  };
}

function executor(changes: Partial<KnownExecutor> = {}): KnownExecutor {
  return {
    id: 'e1',
    instance: 'executor-1',
    host: 'alpha',
    slots: 2,
    queues: [],
    types: ['report'],
    meanMs: { report: 10_000 },
    draining: false,
    leaseMs: 4000,
    running: 0,
    ...changes,
  };
}

function queueFacts(changes: Partial<QueueFacts> = {}): QueueFacts {
  return {
    paused: false,
    settled: true,
    drain: 'shared',
    keyed: false,
    concurrency: null,
    concurrencyPerKey: 1,
    rateLimit: null,
    rateIntervalMs: null,
    rateWaitMs: null,
    inFlight: 0,
    holders: [],
    keyInFlight: 0,
    keyHolders: [],
    turn: null,
    keyAhead: 0,
    otherKeys: 0,
    ...changes,
  };
}

/** Reasons of a due job in a healthy system, but for what is changed. */
function reasons(changes: Partial<Job> = {}, facts: Partial<WhyFacts> = {}): readonly Reason[] {
  return why({
    job: job(changes),
    now: NOW,
    lastFailureStartedAt: null,
    dueBefore: 0,
    handedOver: 0,
    leadership: { kind: 'leading' },
    queueLeadership: { kind: 'unknown' },
    executors: [executor()],
    workers: null,
    queue: null,
    parents: [],
    ...facts,
  });
}
const kinds = (...args: Parameters<typeof reasons>) => reasons(...args).map(({ kind }) => kind);

test('every state has a reason', () => {
  for (const state of JOB_STATES) expect(kinds({ state }).length).toBeGreaterThan(0);
});

describe('a scheduled job', () => {
  test('that is due later waits for its time', () => {
    expect(reasons({ runAt: later(5000) })).toEqual([
      { kind: 'due-later', dueAt: later(5000), aboutMs: 5000 },
    ]);
  });

  test('that has failed waits for its next attempt', () => {
    const startedAt = later(-3000);
    expect(
      reasons(
        { runAt: later(5000), attempt: 1, startedAt, error: ERROR },
        { lastFailureStartedAt: startedAt },
      ),
    ).toEqual([
      {
        kind: 'retry-later',
        dueAt: later(5000),
        aboutMs: 5000,
        attempt: 1,
        maxAttempts: 4,
        error: ERROR,
      },
    ]);
  });

  test('whose last start left no failure was put off by its handler, even when an earlier one had failed', () => {
    const snoozed = { runAt: later(5000), attempt: 1, startedAt: later(-3000), error: ERROR };
    expect(kinds(snoozed, { lastFailureStartedAt: later(-9000) })).toEqual(['snoozed']);
    expect(kinds({ ...snoozed, attempt: 0, error: null })).toEqual(['snoozed']);
  });

  test('that executors without its handler put off waits for one that has it', () => {
    const put = { runAt: later(5000), startedAt: later(-3000) };
    expect(kinds(put, { executors: [executor({ types: ['other'] })] })).toEqual(['no-handler']);
  });

  test('that was not started before its expiry is about to expire, whatever else is wrong', () => {
    expect(kinds({ expiresAt: later(0) }, { executors: [] })).toEqual(['expiring', 'no-executor']);
    expect(kinds({ expiresAt: later(-1), startedAt: later(-9) })).toEqual(['handing-over']);
  });

  test('that can still expire says when, after everything else', () => {
    expect(reasons({ expiresAt: later(1) })).toMatchObject([
      { kind: 'handing-over' },
      { kind: 'expires', expiresAt: later(1), aboutMs: 1 },
    ]);
    expect(kinds({ expiresAt: later(9000), runAt: later(5000) }, { executors: [] })).toEqual([
      'due-later',
      'no-executor',
      'expires',
    ]);
    expect(kinds({ expiresAt: later(1), startedAt: later(-9) })).toEqual(['handing-over']);
  });

  test('waits for a leader when there is none, and not when nobody knows', () => {
    expect(reasons({}, { leadership: { kind: 'none', candidates: 2 } })).toEqual([
      { kind: 'no-leader', candidates: 2, aboutMs: null },
    ]);
    expect(kinds({}, { leadership: { kind: 'unknown' } })).toEqual(['handing-over']);
  });

  test('waits for an executor that takes jobs of its queue', () => {
    const nobody = [{ kind: 'no-executor', queue: 'nightly', draining: 0, aboutMs: null }];
    expect(reasons({}, { executors: [] })).toEqual(nobody);
    expect(reasons({}, { executors: [executor({ queues: ['other'] })] })).toEqual(nobody);
    expect(reasons({}, { executors: [executor({ leaseMs: 0 })] })).toEqual(nobody);
    expect(reasons({}, { executors: [executor({ draining: true })] })).toMatchObject([{ draining: 1 }]);
    expect(kinds({}, { executors: [executor({ queues: ['nightly'] })] })).toEqual(['handing-over']);
  });

  test('waits for an executor of its queue that has a handler for its type', () => {
    const elsewhere = [executor({ types: ['other'] }), executor({ queues: ['other'] })];
    expect(reasons({}, { executors: elsewhere })).toEqual([
      { kind: 'no-handler', queue: 'nightly', type: 'report', executors: 1, aboutMs: null },
    ]);
    expect(kinds({}, { executors: [executor({ types: [] }), executor()] })).toEqual(['handing-over']);
  });

  test('waits for a slot as long as those before it take all that are free', () => {
    const executors = [executor({ running: 1 }), executor({ id: 'e2', slots: 3, running: 3 })];
    expect(kinds({}, { executors, dueBefore: 0 })).toEqual(['handing-over']);
    expect(reasons({}, { executors, dueBefore: 1 })).toEqual([
      { kind: 'slots-busy', queue: 'nightly', slots: 5, place: 1, aboutMs: 2000 },
    ]);
    expect(reasons({}, { executors, dueBefore: 7, handedOver: 4 })).toMatchObject([{ place: 11 }]);
  });

  test('has no place beyond the thousandth, and no estimate where no type has ever run', () => {
    const executors = [executor({ running: 2, meanMs: {} })];
    expect(reasons({}, { executors, dueBefore: 1000, handedOver: 900 })).toMatchObject([
      { place: 1000, aboutMs: null },
    ]);
  });

  test('is told of everything that is in its way, what must go first first', () => {
    expect(
      kinds({ runAt: later(9) }, { leadership: { kind: 'none', candidates: 0 }, executors: [] }),
    ).toEqual(['due-later', 'no-leader', 'no-executor']);
    const busy = { executors: [executor({ running: 2, types: [] })] };
    expect(kinds({}, busy)).toEqual(['no-handler', 'slots-busy']);
    // Nobody knows who will be busy then.
    expect(kinds({ runAt: later(9) }, busy)).toEqual(['due-later', 'no-handler']);
  });

  test('with nothing in its way is about to be handed over', () => {
    expect(reasons()).toEqual([
      { kind: 'handing-over', to: 'executor', since: null, aboutMs: expect.any(Number) },
    ]);
  });

  test('in a queue with limits waits for a slot only behind what has been handed over', () => {
    const limited = { queue: queueFacts({ concurrency: 5 }), dueBefore: 1000 };
    expect(kinds({}, limited)).toEqual(['turn']);
    expect(kinds({}, { ...limited, handedOver: 2 })).toEqual(['turn', 'slots-busy']);
  });

  test('of a queue that one executor drains alone waits for it to be elected', () => {
    const queue = queueFacts({ drain: 'leader' });
    expect(reasons({}, { queue, queueLeadership: { kind: 'none', candidates: 2 } })).toEqual([
      { kind: 'no-queue-leader', queue: 'nightly', candidates: 2, aboutMs: null },
    ]);
    expect(kinds({}, { queue, queueLeadership: { kind: 'leading' } })).toEqual(['handing-over']);
  });

  test('of a paused queue waits for it to be resumed, and is told what comes then', () => {
    const paused = { queue: queueFacts({ paused: true, concurrency: 1, inFlight: 1, holders: ['a'] }) };
    expect(kinds({}, { ...paused, executors: [] })).toEqual([
      'queue-paused',
      'no-executor',
      'concurrency-limit',
    ]);
    expect(kinds({ runAt: later(9) }, paused)).toEqual(['due-later', 'queue-paused']);
  });
});

describe('a job for workers outside', () => {
  const asking = { asking: true, leases: 0, leaseMs: null };
  const nobody = { executors: [], leadership: { kind: 'none', candidates: 0 } } as const;

  test('needs neither a leader nor an executor, as long as somebody asks for it', () => {
    expect(reasons({}, { ...nobody, workers: asking })).toMatchObject([
      { kind: 'handing-over', to: 'worker', since: null },
    ]);
  });

  test('waits for a worker when nobody asks for it, and for one that is free when all are busy', () => {
    expect(reasons({}, { ...nobody, workers: { ...asking, asking: false } })).toEqual([
      { kind: 'no-worker', queue: 'nightly', type: 'report', aboutMs: null },
    ]);
    expect(reasons({}, { workers: { ...asking, asking: false, leases: 3 } })).toMatchObject([
      { kind: 'workers-busy', leases: 3 },
    ]);
  });

  test('is told of the limits of its queue like any other', () => {
    const queue = queueFacts({ concurrency: 1, inFlight: 1, holders: ['a'] });
    expect(kinds({}, { workers: asking, queue })).toEqual(['concurrency-limit']);
  });

  test('never starts in a queue that its leader drains', () => {
    expect(kinds({}, { workers: asking, queue: queueFacts({ drain: 'leader' }) })).toEqual([
      'leader-drained',
    ]);
  });

  test('that was put off by its worker was put off, although no executor has a handler for it', () => {
    const put = { runAt: later(5000), startedAt: later(-3000) };
    expect(kinds(put, { workers: asking, executors: [executor({ types: [] })] })).toEqual(['snoozed']);
  });

  test('runs as long as its lease stands, whatever executors there are', () => {
    const run = { state: 'running', startedAt: later(-4000), worker: 'w1', executorId: 'hash' } as const;
    const leased = (leaseMs: number) => ({ ...nobody, workers: { ...asking, leaseMs } });
    expect(reasons(run, leased(1))).toMatchObject([{ kind: 'running', worker: 'w1', executor: null }]);
    expect(reasons(run, leased(0))).toMatchObject([{ kind: 'executor-silent', worker: 'w1' }]);
  });
});

describe('a queued job', () => {
  const queued = { state: 'queued', queuedAt: later(-50) } as const;

  test('needs a free slot, and no leader', () => {
    expect(reasons(queued, { handedOver: 1, leadership: { kind: 'none', candidates: 0 } })).toEqual([
      { kind: 'handing-over', to: 'executor', since: later(-50), aboutMs: expect.any(Number) },
    ]);
    expect(reasons(queued, { handedOver: 1, executors: [executor({ running: 2 })] })).toMatchObject([
      { kind: 'slots-busy', place: 1 },
    ]);
  });

  test('is stuck when the executors have left meanwhile, and when its time to start has passed', () => {
    expect(kinds(queued, { handedOver: 1, executors: [] })).toEqual(['no-executor']);
    expect(kinds({ ...queued, expiresAt: later(-1) }, { handedOver: 1 })).toEqual(['expiring']);
  });
});

describe('a running job', () => {
  const run = { state: 'running', executorId: 'e1', attempt: 2, startedAt: later(-4000) } as const;

  test('tells for how long, where, until when, and about how long it will take', () => {
    expect(reasons(run)).toEqual([
      {
        kind: 'running',
        since: later(-4000),
        forMs: 4000,
        attempt: 2,
        maxAttempts: 4,
        timesOutAt: later(56_000),
        executor: { id: 'e1', instance: 'executor-1', host: 'alpha' },
        worker: null,
        aboutMs: 6000,
      },
    ]);
  });

  test('that takes longer than its type does on average takes nobody knows how long', () => {
    expect(reasons({ ...run, startedAt: later(-10_001) })).toMatchObject([{ aboutMs: null }]);
    expect(reasons(run, { executors: [executor({ meanMs: {} })] })).toMatchObject([{ aboutMs: null }]);
  });

  test('that was cancelled has been asked to end', () => {
    expect(kinds({ ...run, cancelRequestedAt: NOW })).toEqual(['ending']);
  });

  test('whose executor cannot be heard, or is forgotten, is about to be taken back', () => {
    expect(kinds(run, { executors: [executor({ leaseMs: 0 })] })).toEqual(['executor-silent']);
    expect(reasons(run, { executors: [] })).toMatchObject([{ kind: 'executor-silent', executor: null }]);
    expect(kinds(run, { executors: [executor({ draining: true })] })).toEqual(['running']);
  });
});

test('a blocked job is held when something befell it, and waits for other jobs otherwise', () => {
  expect(reasons({ state: 'blocked', error: ERROR })).toEqual([
    { kind: 'held', error: ERROR, parents: [], aboutMs: null },
  ]);
  const parents = [{ id: 'p', name: 'extract', state: 'running', onDependencyFailure: 'cancel' }] as const;
  expect(reasons({ state: 'blocked', waitsFor: 3 }, { parents })).toEqual([
    { kind: 'blocked', waitsFor: 3, parents, aboutMs: null },
  ]);
});

test.each(['succeeded', 'dead', 'cancelled', 'expired'] as const)('a job that is %s says so', (state) => {
  expect(reasons({ state, finishedAt: later(-7000), attempt: 3, error: ERROR })).toMatchObject([
    { kind: 'ended', state, agoMs: 7000, at: later(-7000), attempt: 3, error: ERROR },
  ]);
});
