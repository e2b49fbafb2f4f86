import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { parseEnvironment } from '#common/config/environment.js';
import type { LiveOutputRepository } from '#common/database/live-output.repository.js';
import type { Notifier } from '#common/database/notifications.js';
import type { ParentRepository } from '#common/database/parent.repository.js';
import type { EndedAttempt, FinishResult, RunRepository } from '#common/database/run.repository.js';
import type { Delivery, StartedJob } from '#common/domain/job.js';
import { LeaseClock } from '#common/runtime/lease-clock.js';
import type { Logger } from '#common/logging/logger.js';
import { executorEnvironment } from './environment.js';
import { defineHandler } from './handlers/handler.js';
import { HandlerRegistry } from './handlers/registry.js';
import { LiveOutput } from './live-output.js';
import { JobRunner } from './job-runner.js';

/** The batches form over setImmediate, which stays real. */
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const turns = async () => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

function started(jobId: string): StartedJob {
  return {
    id: jobId,
    type: 'held',
    payload: jobId,
    delivery: 1,
    attempt: 1,
    maxAttempts: 4,
    timeoutMs: 60_000,
    retry: null,
    onLost: 'retry',
    hasParents: null,
  };
}

/** A runner on a repository in memory, whose jobs end when the test says so. */
function setUp(slots = 2) {
  const ended: EndedAttempt[] = [];
  const finish = vi.fn<(list: readonly EndedAttempt[]) => Promise<FinishResult[]>>(async (list) => {
    ended.push(...list);
    return list.map(({ decision }) => decision.state);
  });
  const start = vi.fn<(executor: string, list: readonly Delivery[]) => Promise<(StartedJob | 'stale')[]>>(
    async (_executor, list) => list.map(({ jobId, delivery }) => (delivery === 1 ? started(jobId) : 'stale')),
  );
  const ends = new Map<string, { succeed: () => void; fail: (error: Error) => void }>();
  const held = defineHandler({
    type: 'held',
    payload: z.string(),
    run: (id, { signal }) =>
      new Promise((resolve, reject) => {
        ends.set(id, { succeed: () => resolve(null), fail: reject });
        signal.addEventListener('abort', () => reject(new Error('asked to end')));
      }),
  });
  const hints: string[] = [];
  const quiet = () => undefined;
  const log = {
    log: quiet,
    warn: quiet,
    info: quiet,
    debug: quiet,
    isDebugEnabled: () => false,
  } as unknown as Logger;
  const leaseClock = new LeaseClock(60_000);
  leaseClock.renewed(process.hrtime.bigint());
  const runner = new JobRunner(
    'e1',
    parseEnvironment(executorEnvironment, {
      DATABASE_URL: 'postgresql://localhost/none',
      EXECUTOR_SLOTS: String(slots),
    }),
    new HandlerRegistry([held]),
    leaseClock,
    { start, finish } as unknown as RunRepository,
    {} as ParentRepository,
    { send: (hint: string) => hints.push(hint) } as unknown as Notifier,
    log,
    new LiveOutput({ write: vi.fn<() => Promise<void>>() } as unknown as LiveOutputRepository, 1024, log),
  );
  const run = (...ids: string[]) => runner.run(ids.map((jobId) => ({ jobId, delivery: 1 })));
  const running = () => [...ends.keys()];
  const end = (id: string) => {
    const job = ends.get(id);
    ends.delete(id);
    job?.succeed();
  };
  return { runner, run, running, end, ends, ended, start, finish, hints, leaseClock };
}

const states = (ended: readonly EndedAttempt[]) =>
  ended.map(({ jobId, decision }) => [jobId, decision.state]);

test('a delivery is started, run, and its end recorded before the envelope is done', async () => {
  const { run, running, end, ended, runner } = setUp();
  let done = false;
  const envelope = run('a').then(() => {
    done = true;
  });
  await turns();
  expect(running()).toEqual(['a']);
  expect(runner.runningCount).toBe(1);
  end('a');
  await envelope;
  expect(done).toBe(true);
  expect(ended).toMatchObject([
    { jobId: 'a', attempt: 1, executorId: 'e1', decision: { state: 'succeeded' } },
  ]);
  expect(runner.runningCount).toBe(0);
});

test('a stale delivery runs nothing and records nothing', async () => {
  const { runner, running, finish } = setUp();
  await runner.run([{ jobId: 'a', delivery: 2 }]);
  expect(running()).toEqual([]);
  expect(finish).not.toHaveBeenCalled();
});

test('no more envelopes run than there are slots', async () => {
  const { run, running, end } = setUp(2);
  const envelopes = ['a', 'b', 'c'].map((id) => run(id));
  await turns();
  expect(running()).toEqual(['a', 'b']);
  end('a');
  await turns();
  expect(running()).toEqual(['b', 'c']);
  end('b');
  end('c');
  await Promise.all(envelopes);
});

test('quick jobs of an envelope follow one another in one slot', async () => {
  const { run, running, end } = setUp(1);
  const envelope = run('a', 'b', 'c');
  for (const id of ['a', 'b', 'c']) {
    await turns();
    expect(running()).toEqual([id]);
    end(id);
  }
  await envelope;
});

test('behind a slow job the rest of its envelope goes on in another slot', async () => {
  const { run, running, end } = setUp(2);
  const envelope = run('slow', 'b', 'c');
  await turns();
  expect(running()).toEqual(['slow']);
  await vi.advanceTimersByTimeAsync(25);
  await turns();
  expect(running()).toEqual(['slow', 'b']);
  end('b');
  await turns();
  expect(running()).toEqual(['slow', 'c']);
  end('c');
  end('slow');
  await envelope;
});

test('with no other slot free, the rest waits for the slow job', async () => {
  const { run, running, end } = setUp(1);
  const envelope = run('slow', 'b');
  await turns();
  await vi.advanceTimersByTimeAsync(1000);
  await turns();
  expect(running()).toEqual(['slow']);
  end('slow');
  await turns();
  expect(running()).toEqual(['b']);
  end('b');
  await envelope;
});

test('a start is tried again while Postgres is away for a moment', async () => {
  const { run, running, end, start } = setUp();
  start.mockRejectedValueOnce(new Error('Postgres is away')).mockRejectedValueOnce(new Error('still'));
  const envelope = run('a');
  for (let tries = 0; tries < 2; tries += 1) {
    await turns();
    expect(running()).toEqual([]);
    await vi.advanceTimersByTimeAsync(250);
  }
  await turns();
  expect(running()).toEqual(['a']);
  end('a');
  await envelope;
});

test('nothing is started while the lease does not stand', async () => {
  const { run, running, end, start, leaseClock } = setUp();
  leaseClock.renewed(process.hrtime.bigint() - 3_600_000_000_000n);
  const envelope = run('a');
  await turns();
  expect(start).not.toHaveBeenCalled();
  leaseClock.renewed(process.hrtime.bigint());
  await vi.advanceTimersByTimeAsync(250);
  await turns();
  expect(running()).toEqual(['a']);
  end('a');
  await envelope;
});

test('deliveries that cannot be started for long are left to the sweep and give their slot back', async () => {
  const { run, running, end, start } = setUp(1);
  start.mockRejectedValue(new Error('Postgres is away'));
  const envelope = run('a');
  for (let tries = 0; tries < 10; tries += 1) {
    await turns();
    await vi.advanceTimersByTimeAsync(250);
  }
  await envelope;
  expect(start).toHaveBeenCalledTimes(11);
  expect(running()).toEqual([]);
  start.mockReset();
  start.mockImplementation(async (_executor, list) => list.map(({ jobId }) => started(jobId)));
  const next = run('b');
  await turns();
  expect(running()).toEqual(['b']);
  end('b');
  await next;
});

test('an end is recorded however long Postgres is away', async () => {
  const { run, end, ended, finish } = setUp();
  const down = new Error('Postgres is away');
  finish.mockRejectedValueOnce(down).mockRejectedValueOnce(down).mockRejectedValueOnce(down);
  const envelope = run('a');
  await turns();
  end('a');
  for (let round = 0; round < 4; round += 1) {
    await turns();
    await vi.advanceTimersByTimeAsync(250);
  }
  await envelope;
  expect(states(ended)).toEqual([['a', 'succeeded']]);
  expect(finish).toHaveBeenCalledTimes(4);
});

test('a start that Postgres forgot in a crash is recorded again before the end, which then counts', async () => {
  const { run, end, ended, start, finish } = setUp();
  const envelope = run('a');
  await turns();
  finish.mockResolvedValueOnce(['stale']);
  // The connections that the crash broke are still being replaced.
  start.mockRejectedValueOnce(new Error('Postgres is away'));
  finish.mockResolvedValueOnce(['stale']);
  end('a');
  await turns();
  await vi.advanceTimersByTimeAsync(250);
  await envelope;
  expect(start).toHaveBeenCalledTimes(3);
  expect(start).toHaveBeenLastCalledWith(
    'e1',
    [expect.objectContaining({ jobId: 'a', delivery: 1 })],
    10_000,
  );
  expect(finish).toHaveBeenCalledTimes(3);
  expect(states(ended)).toEqual([['a', 'succeeded']]);
});

test('the end of an attempt that was really taken back is not told again', async () => {
  const { run, end, start, finish, runner } = setUp();
  const envelope = run('a');
  await turns();
  finish.mockResolvedValueOnce(['stale']);
  start.mockResolvedValueOnce(['stale']);
  end('a');
  await envelope;
  expect(finish).toHaveBeenCalledTimes(1);
  expect(runner.runningCount).toBe(0);
});

test('a job that is due again wakes the feeder; one that has ended does not', async () => {
  const { run, ends, end, hints } = setUp();
  const first = run('a');
  await turns();
  end('a');
  await first;
  expect(hints).toEqual([]);
  const second = run('b');
  await turns();
  ends.get('b')?.fail(new Error('no luck'));
  await second;
  expect(hints).toEqual(['work']);
});

test('one attempt can be stopped and the others go on; a job that does not run here is no matter', async () => {
  const { runner, run, end, ended } = setUp();
  const envelopes = [run('a'), run('b')];
  await turns();
  runner.stop('a', 'cancelled');
  runner.stop('elsewhere', 'cancelled');
  await envelopes[0];
  expect(states(ended)).toEqual([['a', 'cancelled']]);
  end('b');
  await envelopes[1];
});

test('at shutdown everything is handed back, also what still waits in its envelope', async () => {
  const { runner, run, ended } = setUp(1);
  const envelope = run('a', 'b', 'c');
  await turns();
  const idle = runner.whenIdle();
  runner.stopAll('shutdown');
  await envelope;
  await idle;
  expect(states(ended)).toEqual([
    ['a', 'scheduled'],
    ['b', 'scheduled'],
    ['c', 'scheduled'],
  ]);
  expect(ended.every(({ decision }) => !('counted' in decision))).toBe(true);
});

test('at shutdown nothing more is started, and what is just being started is handed back', async () => {
  const { runner, run, running, ended, start } = setUp();
  start.mockRejectedValueOnce(new Error('Postgres is away'));
  const waiting = run('a');
  await turns();
  let answer: (jobs: StartedJob[]) => void = () => undefined;
  start.mockImplementationOnce(() => new Promise((resolve) => (answer = resolve)));
  const underWay = run('b');
  await turns();
  runner.stopAll('shutdown');
  answer([started('b')]);
  await vi.advanceTimersByTimeAsync(250);
  await Promise.all([waiting, underWay]);
  expect(running()).toEqual([]);
  expect(start).toHaveBeenCalledTimes(2);
  expect(states(ended)).toEqual([['b', 'scheduled']]);
});

test.each([
  ['is just being started', 2],
  ['waits for a slot', 1],
])(
  'what %s is not forgotten when the last running job ends: a runner that has taken something is not idle',
  async (_what, slots) => {
    const { runner, run, running, end, ended, start } = setUp(slots);
    const first = run('a');
    await turns();
    let answer: (jobs: StartedJob[]) => void = () => undefined;
    start.mockImplementationOnce(() => new Promise((resolve) => (answer = resolve)));
    const second = run('b');
    let idle = false;
    const whenIdle = () => runner.whenIdle().then(() => (idle = true));
    const allDone = [whenIdle()];
    await turns();
    end('a');
    await first;
    allDone.push(whenIdle());
    await turns();
    expect(runner.runningCount).toBe(0);
    expect(idle).toBe(false);
    runner.stopAll('shutdown');
    answer([started('b')]);
    await Promise.all([second, ...allDone]);
    expect(running()).toEqual([]);
    expect(states(ended)).toEqual([
      ['a', 'succeeded'],
      ['b', 'scheduled'],
    ]);
  },
);

test('a job whose claim and start a crash of Postgres forgot is not begun twice when it comes here again', async () => {
  const { run, running, end, ended } = setUp();
  const first = run('a');
  await turns();
  // Handed over anew under the same number, in other company.
  const second = run('b', 'a');
  await turns();
  end('a');
  await first;
  await turns();
  end('b');
  await second;
  expect(running()).toEqual([]);
  expect(states(ended)).toEqual([
    ['a', 'succeeded'],
    ['b', 'succeeded'],
  ]);
});

test('a runner that runs nothing is idle', async () => {
  await expect(setUp().runner.whenIdle()).resolves.toBeUndefined();
});

const own = (id: string, rest: object = {}) => ({
  id,
  delivery: 1,
  attempt: 1,
  maxAttempts: 4,
  retry: null,
  onLost: 'retry' as const,
  cancelRequested: false,
  ...rest,
});

test('an attempt that started without our knowing is handed back uncounted; what runs here is left alone', async () => {
  const { runner, run, running, end, ended } = setUp();
  const envelope = run('a');
  await vi.waitFor(() => expect(running()).toEqual(['a']));
  runner.reconcile([own('a'), own('unknown', { delivery: 7 })]);
  await vi.waitFor(() =>
    expect(ended).toMatchObject([
      { jobId: 'unknown', delivery: 7, decision: { state: 'scheduled', delayMs: 0 } },
    ]),
  );
  end('a');
  await envelope;
});

test('what was started in one period of the lease is not begun in another', async () => {
  const { run, running, ended, leaseClock, start } = setUp();
  start.mockImplementationOnce(async (_executor, list) => {
    // As if the process had been paused for an hour before the answer was read.
    leaseClock.renewed(process.hrtime.bigint() + 3_600_000_000_000n);
    return list.map(({ jobId }) => ({
      ...own(jobId),
      type: 'held',
      payload: jobId,
      timeoutMs: 60_000,
      hasParents: null,
    }));
  });
  await run('a');
  expect(running()).toEqual([]);
  expect(ended).toMatchObject([{ jobId: 'a', decision: { state: 'scheduled' } }]);
});
