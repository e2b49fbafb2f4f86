import { expect, test } from 'vitest';
import type { EarlierAttempt } from '#common/database/job.repository.js';
import type { Job, OutputPiece } from '#common/domain/job.js';
import type { RetryPolicy } from '#common/domain/retry-policy.js';
import { createJobSchema } from './job.schemas.js';
import { presentAttempts, presentJob, presentOutput } from './job.presenter.js';

const at = (second: number) => new Date(Date.UTC(2030, 0, 1, 0, 0, second));

function job(changes: Partial<Job> = {}): Job {
  return {
    id: '01890a5d-ac96-774b-bcce-b302099a8057',
    name: null,
    type: 'command',
    queue: 'default',
    state: 'scheduled',
    priority: 5,
    payload: { command: 'true' },
    runAt: at(1),
    delivery: 0,
    attempt: 0,
    maxAttempts: 4,
    timeoutMs: 1000,
    retry: null,
    onLost: 'retry',
    uniqueKey: null,
    concurrencyKey: null,
    fairnessKey: null,
    expiresAt: null,
    tags: [],
    createdBy: null,
    createdAt: at(0),
    queuedAt: null,
    startedAt: null,
    finishedAt: null,
    executorId: null,
    worker: null,
    cancelRequestedAt: null,
    result: null,
    error: null,
    workflowId: null,
    waitsFor: null,
    ...changes,
  };
}

const error = { name: 'CommandFailed', message: 'exit code 1' };
const failedOnce: EarlierAttempt = {
  attempt: 1,
  outcome: 'failed',
  executorId: 'e1',
  startedAt: at(1),
  finishedAt: at(2),
  error,
};

test('times are ISO 8601 in UTC, null where nothing has happened; fencing tokens stay inside', () => {
  const view = presentJob(job({ queuedAt: at(2) }));
  expect(view).toMatchObject({
    runAt: '2030-01-01T00:00:01.000Z',
    createdAt: '2030-01-01T00:00:00.000Z',
    queuedAt: '2030-01-01T00:00:02.000Z',
    startedAt: null,
    finishedAt: null,
    timeout: 1000,
    executor: null,
  });
  expect(view).not.toHaveProperty('delivery');
});

test.each<RetryPolicy>([
  { strategy: 'exponential', baseMs: 5, factor: 3, maxMs: 50, jitter: 0.5 },
  { strategy: 'fixed', delayMs: 7 },
  { strategy: 'list', delaysMs: [1, 2] },
  { strategy: 'none' },
])('a retry policy is shown in the words in which it can be submitted again ($strategy)', (retry) => {
  const shown = presentJob(job({ retry })).retry;
  expect(createJobSchema.parse({ type: 'command', retry: shown }).retry).toEqual(retry);
});

test('a job that was never started has no attempts', () => {
  expect(presentAttempts(job(), [])).toEqual([]);
});

test('a running attempt is shown after the earlier ones, without an end', () => {
  const running = job({ state: 'running', attempt: 2, startedAt: at(5), executorId: 'e2' });
  expect(presentAttempts(running, [failedOnce])).toEqual([
    {
      attempt: 1,
      outcome: 'failed',
      executor: 'e1',
      startedAt: '2030-01-01T00:00:01.000Z',
      finishedAt: '2030-01-01T00:00:02.000Z',
      error,
    },
    expect.objectContaining({ attempt: 2, outcome: 'running', executor: 'e2', finishedAt: null }),
  ]);
});

test('while it waits for its next attempt, a job shows only what has ended', () => {
  const waiting = job({ attempt: 1, startedAt: at(1), error });
  expect(presentAttempts(waiting, [failedOnce]).map(({ attempt }) => attempt)).toEqual([1]);
});

test('an attempt that was handed back is not shown', () => {
  expect(presentAttempts(job({ attempt: 0, startedAt: at(1), executorId: 'e1' }), [])).toEqual([]);
});

test('the attempt that ended the job is shown with its outcome', () => {
  const ended = { attempt: 1, startedAt: at(1), finishedAt: at(2), executorId: 'e1' };
  expect(presentAttempts(job({ ...ended, state: 'succeeded' }), [])).toMatchObject([
    { outcome: 'succeeded', error: null },
  ]);
  expect(presentAttempts(job({ ...ended, state: 'dead', error }), [])).toMatchObject([
    { outcome: 'failed', error },
  ]);
  expect(presentAttempts(job({ ...ended, state: 'cancelled' }), [])).toMatchObject([
    { outcome: 'cancelled' },
  ]);
});

const piece = (stream: OutputPiece['stream'], text: string, omittedBytes = 0): OutputPiece => ({
  stream,
  text,
  omittedBytes,
});

test('output is given in the order of writing, and each stream by itself', () => {
  expect(presentOutput('j', 2, [piece('out', 'a\n'), piece('err', 'b\n'), piece('out', 'c\n')])).toEqual({
    jobId: 'j',
    attempt: 2,
    output: 'a\nb\nc\n',
    stdout: 'a\nc\n',
    stderr: 'b\n',
    truncated: false,
    omittedBytes: 0,
  });
});

test('what was left out is said where it was left out, and counted', () => {
  const view = presentOutput('j', 1, [piece('out', 'head'), piece('err', 'tail', 5000)]);
  expect(view.output).toBe('head\n[… 5000 bytes left out …]\ntail');
  expect(view).toMatchObject({ truncated: true, omittedBytes: 5000, stderr: 'tail' });
});

test('no output is no error', () => {
  expect(presentOutput('j', 1, [])).toMatchObject({ output: '', truncated: false });
});
