import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import type { Json, StartedJob } from '#common/domain/job.js';
import { Attempt, type StopReason } from './attempt.js';
import { defineHandler, JobFailure, Snooze, type HandlerContext } from './handlers/handler.js';
import { OutputCapture } from './handlers/output-capture.js';
import { ProgressBoard } from './progress-board.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const KILL_GRACE_MS = 100;

const job: StartedJob = {
  id: '01890a5d-ac96-774b-bcce-b302099a8057',
  type: 'test',
  payload: { n: 1 },
  delivery: 3,
  attempt: 2,
  maxAttempts: 4,
  timeoutMs: 1000,
  retry: null,
  onLost: 'retry',
  hasParents: null,
};
const noParents = async () => [];

type Run = (payload: unknown, context: HandlerContext) => unknown;

function attemptOf(run: Run): Attempt {
  const handler = defineHandler({ type: 'test', payload: z.unknown(), run: run as () => Json });
  return new Attempt(
    job,
    handler,
    new OutputCapture(1024),
    KILL_GRACE_MS,
    () => true,
    noParents,
    new ProgressBoard(),
  );
}
const outcomeOf = (run: Run) => attemptOf(run).run();

/** A handler that ends, by an error, as soon as it is asked to. */
const obedient: Run = (_payload, { signal }) =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('asked to end')));
  });
/** One that does not care. */
const deaf: Run = () => new Promise(() => undefined);

/** What Postgres can hold as jsonb: neither NUL nor half a surrogate pair, in any key or text. */
function isStorable(value: unknown): boolean {
  const written = JSON.stringify(value);
  return !/(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/.test(written) && written.isWellFormed();
}

test('a handler is given the payload and who it is, and its result is the outcome', async () => {
  const seen: unknown[] = [];
  const outcome = await outcomeOf((payload, { jobId, attempt, killGraceMs, signal }) => {
    seen.push(payload, jobId, attempt, killGraceMs, signal.aborted);
    return { done: true };
  });
  expect(outcome).toEqual({ kind: 'succeeded', result: { done: true } });
  expect(seen).toEqual([{ n: 1 }, job.id, 2, KILL_GRACE_MS, false]);
  expect(vi.getTimerCount()).toBe(0);
});

test.each([undefined, null])('a handler that returns %s succeeds with null', async (nothing) => {
  expect(await outcomeOf(async () => nothing)).toEqual({ kind: 'succeeded', result: null });
});

test('an error is a failure with its name and message, thrown now or later', async () => {
  for (const run of [
    () => {
      throw new RangeError('too far');
    },
    async () => Promise.reject(new RangeError('too far')),
  ])
    expect(await outcomeOf(run)).toEqual({
      kind: 'failed',
      error: { name: 'RangeError', message: 'too far' },
    });
});

test.each(['a text', undefined, null, 7, { a: 1 }])(
  '%j, thrown, is a failure too',
  async (thrown: unknown) => {
    const outcome = await outcomeOf(() => Promise.reject(thrown));
    expect(outcome).toEqual({ kind: 'failed', error: { name: 'Error', message: String(thrown) } });
  },
);

test('a JobFailure says how it wants to be told of, whether it is final and when to try again', async () => {
  const error = { name: 'HttpFailed', message: '503', details: { status: 503 } };
  expect(await outcomeOf(() => Promise.reject(new JobFailure(error, { final: true })))).toEqual({
    kind: 'failed',
    error,
    final: true,
  });
  expect(await outcomeOf(() => Promise.reject(new JobFailure(error, { retryAfterMs: 5 })))).toEqual({
    kind: 'failed',
    error,
    retryAfterMs: 5,
  });
});

test('a snooze is no failure', async () => {
  expect(await outcomeOf(() => Promise.reject(new Snooze(5000)))).toEqual({
    kind: 'snoozed',
    delayMs: 5000,
  });
});

test('a payload that the handler refuses is a final failure', async () => {
  const handler = defineHandler({ type: 'test', payload: z.object({ n: z.string() }), run: () => null });
  const outcome = await new Attempt(
    job,
    handler,
    new OutputCapture(1024),
    0,
    () => true,
    noParents,
    new ProgressBoard(),
  ).run();
  expect(outcome).toMatchObject({ kind: 'failed', final: true, error: { name: 'InvalidPayload' } });
});

test('without a handler here, the job is left to another executor', async () => {
  const outcome = await new Attempt(
    job,
    undefined,
    new OutputCapture(1024),
    0,
    () => true,
    noParents,
    new ProgressBoard(),
  ).run();
  expect(outcome).toMatchObject({ kind: 'snoozed' });
});

test('a handler that takes longer than its timeout is asked to end, and has timed out', async () => {
  const outcome = outcomeOf(obedient);
  await vi.advanceTimersByTimeAsync(1000);
  expect(await outcome).toMatchObject({
    kind: 'timed_out',
    error: { name: 'Timeout', message: expect.stringContaining('1000 ms') as string },
  });
});

test.each<[StopReason, string]>([
  ['timeout', 'timed_out'],
  ['cancelled', 'cancelled'],
  ['shutdown', 'interrupted'],
  ['lease lost', 'interrupted'],
])('stopped because of %s, the outcome is %s, whatever error the handler ends with', async (reason, kind) => {
  for (const thrown of [new Error('aborted'), new JobFailure({ name: 'X', message: 'x' }), new Snooze(1)]) {
    const attempt = attemptOf(
      (_payload, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(thrown));
        }),
    );
    const outcome = attempt.run();
    attempt.stop(reason);
    expect((await outcome).kind).toBe(kind);
  }
});

test.each<[StopReason, string]>([
  ['timeout', 'timed_out'],
  ['cancelled', 'cancelled'],
  ['shutdown', 'interrupted'],
])('a handler that ignores %s is given up after the grace and a second', async (reason, kind) => {
  const attempt = attemptOf(deaf);
  let outcome: string | undefined;
  void Promise.resolve(attempt.run()).then((result) => {
    outcome = result.kind;
  });
  attempt.stop(reason);
  await vi.advanceTimersByTimeAsync(KILL_GRACE_MS + 999);
  expect(outcome).toBeUndefined();
  await vi.advanceTimersByTimeAsync(1);
  expect(outcome).toBe(kind);
});

test('a handler that was given up may fail later without harm', async () => {
  let fail: (error: Error) => void = () => undefined;
  const attempt = attemptOf(() => new Promise((_, reject) => (fail = reject)));
  const outcome = attempt.run();
  attempt.stop('cancelled');
  await vi.advanceTimersByTimeAsync(KILL_GRACE_MS + 1000);
  expect((await outcome).kind).toBe('cancelled');
  fail(new Error('much too late'));
  await vi.advanceTimersByTimeAsync(1000);
});

test('a handler that comes to its end although it was asked to stop has succeeded', async () => {
  const attempt = attemptOf(
    (_payload, { signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve('finished anyway'));
      }),
  );
  const outcome = attempt.run();
  attempt.stop('cancelled');
  expect(await outcome).toEqual({ kind: 'succeeded', result: 'finished anyway' });
});

test('the first reason counts', async () => {
  const attempt = attemptOf(deaf);
  const outcome = attempt.run();
  attempt.stop('cancelled');
  attempt.stop('shutdown');
  await vi.advanceTimersByTimeAsync(5000);
  expect((await outcome).kind).toBe('cancelled');
});

test('an attempt that is stopped before its turn does not call its handler', async () => {
  const run = vi.fn<Run>();
  const attempt = attemptOf(run);
  attempt.stop('shutdown');
  expect(await attempt.run()).toEqual({ kind: 'interrupted' });
  expect(run).not.toHaveBeenCalled();
});

const circle: unknown[] = [];
circle.push(circle);

test.each([
  ['a big integer', 1n],
  ['a circle', circle],
  ['a function', () => 1],
  ['a symbol', Symbol('x')],
  ['more than 256 Ki characters', 'x'.repeat(262_143)],
])('%s as a result is a final failure: trying again would return the same', async (_what, result) => {
  expect(await outcomeOf(() => result)).toMatchObject({
    kind: 'failed',
    final: true,
    error: { name: 'InvalidResult' },
  });
});

test('a result of exactly the greatest length is kept', async () => {
  expect(await outcomeOf(() => 'x'.repeat(262_142))).toMatchObject({ kind: 'succeeded' });
});

test('any JSON comes through as it is, but for NUL and halves of surrogate pairs', async () => {
  const clean = (text: string) => text.toWellFormed().replaceAll('\0', '\uFFFD');
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.string({ unit: fc.constantFrom('\0', '\\', '\uD83D', '\uDE00', 'u0000', 'ud800', '"', 'é') }),
      ),
      async (texts) => {
        const outcome = await outcomeOf(() => ({ texts, [`key ${texts.join('')}`]: 1 }));
        expect(outcome).toEqual({
          kind: 'succeeded',
          result: { texts: texts.map(clean), [`key ${clean(texts.join(''))}`]: 1 },
        });
        expect(isStorable(outcome)).toBe(true);
      },
    ),
  );
});

test('an error message is kept so that Postgres can store it, cut where it is too long', async () => {
  const messages = ['a\0b', '\uD800', `${'a'.repeat(9999)}😀`, 'x'.repeat(50_000)];
  for (const message of messages) {
    const outcome = await outcomeOf(() => Promise.reject(new Error(message)));
    expect(isStorable(outcome)).toBe(true);
    expect(JSON.stringify(outcome).length).toBeLessThan(20_000);
  }
});

test('an attempt whose lease has had a gap since its start is handed back without having begun', async () => {
  let ran = false;
  const handler = defineHandler({ type: 'test', payload: z.unknown(), run: () => void (ran = true) });
  const attempt = new Attempt(
    job,
    handler,
    new OutputCapture(1024),
    0,
    () => false,
    noParents,
    new ProgressBoard(),
  );
  expect(await attempt.run()).toEqual({ kind: 'interrupted' });
  expect(ran).toBe(false);
});

test('a handler that answers at once has its outcome at once', () => {
  expect(attemptOf(() => 7).run()).toEqual({ kind: 'succeeded', result: 7 });
  const broken = attemptOf(() => {
    throw new Error('no');
  });
  expect(broken.run()).toMatchObject({ kind: 'failed', error: { message: 'no' } });
});

test('a promise of another library is waited for, too', async () => {
  class Thenable {
    // oxlint-disable-next-line unicorn/no-thenable -- such objects are what the test is about
    then(resolve: (value: string) => void): void {
      resolve('later');
    }
  }
  expect(await attemptOf(() => new Thenable()).run()).toEqual({ kind: 'succeeded', result: 'later' });
});

test('a handler reads what its job depends on, which is not looked up unless it asks, or depends on nothing', async () => {
  const parents = [
    { id: 'a', name: 'a', state: 'succeeded', onDependencyFailure: 'cancel', result: 7, omitted: false },
  ] as const;
  const readParents = vi.fn<(id: string) => Promise<typeof parents>>(async () => parents);
  const outcome = (hasParents: true | null, run: Run) => {
    const handler = defineHandler({ type: 'test', payload: z.unknown(), run: run as () => Json });
    return new Attempt(
      { ...job, hasParents },
      handler,
      new OutputCapture(9),
      0,
      () => true,
      readParents,
      new ProgressBoard(),
    ).run();
  };
  const asking: Run = async (_payload, context) => (await context.parents()).map(({ result }) => result);
  expect(await outcome(null, asking)).toEqual({ kind: 'succeeded', result: [] });
  expect(await outcome(true, () => null)).toEqual({ kind: 'succeeded', result: null });
  expect(readParents).not.toHaveBeenCalled();
  expect(await outcome(true, asking)).toEqual({ kind: 'succeeded', result: [7] });
  expect(readParents.mock.calls).toEqual([[job.id]]);
});
