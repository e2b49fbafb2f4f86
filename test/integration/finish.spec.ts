/** T6: whose word counts when an attempt ends, and what its job becomes. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { NewJob, OutputPiece, StartedJob } from '#common/domain/job.js';
import { decide, type Outcome } from '#common/domain/outcome.js';
import type { Fence } from '#common/database/leader-epochs.js';
import { uniqueName } from '../support/environment.js';
import { GRACE_MS, LONG_AGO, TestStore } from './support/database.js';

let store: TestStore;
let leader: Fence;
let queue: string;
let executor: string;

const error = { name: 'Boom', message: 'it broke', details: { code: 7 } };
const failed: Outcome = { kind: 'failed', error };
const succeeded: Outcome = { kind: 'succeeded', result: { n: 1 } };

beforeAll(async () => {
  store = await TestStore.open();
  leader = await store.lead();
});
afterAll(() => store.close());
beforeEach(async () => {
  queue = uniqueName('queue');
  executor = await store.executor();
});

/** Claims and starts the one due job of the queue. */
async function begin(by = executor): Promise<StartedJob> {
  const claimed = await store.claim(leader, { [queue]: 1 });
  const [first] = claimed === 'fenced' ? [] : claimed;
  const [started] = await store.runs.start(
    by,
    [{ jobId: first?.id ?? '', delivery: first?.delivery ?? 0 }],
    GRACE_MS,
  );
  if (started === undefined || started === 'stale') throw new Error('nothing was started');
  return started;
}
async function run(changes: Partial<NewJob> = {}): Promise<StartedJob> {
  await store.submit({ ...changes, queue });
  return begin();
}
const ended = (job: StartedJob, outcome: Outcome, output: OutputPiece[] = [], by = executor) => ({
  jobId: job.id,
  delivery: job.delivery,
  attempt: job.attempt,
  executorId: by,
  decision: decide(job, outcome, 0),
  output,
});
const finish = (...args: Parameters<typeof ended>) => store.runs.finish([ended(...args)]);
const makeDue = (id: string) => store.turnClock('jobs', id, `run_at = '${LONG_AGO.toISOString()}'`);

test('success ends the job with its result', async () => {
  const job = await run();
  expect(await finish(job, succeeded)).toEqual(['succeeded']);
  const row = await store.job(job.id);
  expect(row).toMatchObject({
    state: 'succeeded',
    attempt: 1,
    result: { n: 1 },
    error: null,
    executorId: executor,
  });
  expect(row.finishedAt).toBeInstanceOf(Date);
  expect(await store.jobs.earlierAttempts(job.id)).toEqual([]);
});

test('a success without a result, and one of false or 0, is kept as it is', async () => {
  for (const result of [null, false, 0, '', []]) {
    const job = await run();
    await finish(job, { kind: 'succeeded', result });
    expect((await store.job(job.id)).result).toEqual(result);
  }
});

test('a failure with attempts left waits as the policy says, and is kept in the history', async () => {
  const job = await run({ retry: { strategy: 'fixed', delayMs: 3_600_000 } });
  expect(await finish(job, failed)).toEqual(['scheduled']);
  const row = await store.job(job.id);
  expect(row).toMatchObject({ state: 'scheduled', attempt: 1, error, finishedAt: null, queuedAt: null });
  expect(row.runAt.getTime() - Date.now()).toBeGreaterThan(3_500_000);
  expect(await store.jobs.earlierAttempts(job.id)).toMatchObject([
    { attempt: 1, outcome: 'failed', executorId: executor, error },
  ]);
});

test('attempts are contiguous, each failed one stands in the history, and the last one makes the job dead', async () => {
  let job = await run({ maxAttempts: 3 });
  for (const outcome of [failed, { kind: 'timed_out', error }, failed] satisfies Outcome[]) {
    await finish(job, outcome);
    await makeDue(job.id);
    if (job.attempt < 3) job = await begin();
  }
  expect(await store.job(job.id)).toMatchObject({ state: 'dead', attempt: 3, error });
  expect(await store.jobs.earlierAttempts(job.id)).toMatchObject([
    { attempt: 1, outcome: 'failed' },
    { attempt: 2, outcome: 'timed_out' },
  ]);
});

test('the error of an earlier attempt is forgotten when the job succeeds', async () => {
  const job = await run();
  await finish(job, failed);
  await makeDue(job.id);
  await finish(await begin(), succeeded);
  expect(await store.job(job.id)).toMatchObject({ state: 'succeeded', error: null });
});

test.each<Outcome>([{ kind: 'interrupted' }, { kind: 'snoozed', delayMs: 0 }])(
  'a job that is handed back ($kind) is as if it had not been started, and keeps its last error',
  async (outcome) => {
    const job = await run();
    await finish(job, failed);
    await makeDue(job.id);
    const again = await begin();
    expect(again.attempt).toBe(2);
    expect(await finish(again, outcome)).toEqual(['scheduled']);
    expect(await store.job(job.id)).toMatchObject({ state: 'scheduled', attempt: 1, error });
    expect(await store.jobs.earlierAttempts(job.id)).toHaveLength(1);
    await makeDue(job.id);
    expect((await begin()).attempt).toBe(2);
  },
);

test('the end of an attempt is recorded once: a repetition, a wrong attempt and another executor are stale', async () => {
  const job = await run();
  const other = await store.executor();
  expect(await finish({ ...job, attempt: 2 }, succeeded)).toEqual(['stale']);
  expect(await finish({ ...job, attempt: 0 }, succeeded)).toEqual(['stale']);
  expect(await finish(job, succeeded, [], other)).toEqual(['stale']);
  expect((await store.job(job.id)).state).toBe('running');
  expect(await finish(job, failed)).toEqual(['scheduled']);
  expect(await finish(job, succeeded)).toEqual(['stale']);
  expect(await store.job(job.id)).toMatchObject({ state: 'scheduled', attempt: 1, result: null });
});

test('the report of an attempt that was taken back does not end the one that runs now', async () => {
  const first = await run();
  await finish(first, failed);
  await makeDue(first.id);
  const second = await begin(await store.executor());
  expect(await finish(first, succeeded)).toEqual(['stale']);
  expect(await store.job(first.id)).toMatchObject({ state: 'running', attempt: second.attempt });
});

test('the late report of a run that was handed back does not end the next run on the same executor', async () => {
  const first = await run();
  await finish(first, { kind: 'snoozed', delayMs: 0 });
  await makeDue(first.id);
  await begin();
  expect(await finish(first, { kind: 'snoozed', delayMs: 0 })).toEqual(['stale']);
});

test('what an attempt wrote is stored once, in its order, with the gaps', async () => {
  const output: OutputPiece[] = [
    { stream: 'out', text: 'a\n', omittedBytes: 0 },
    { stream: 'err', text: 'ü\n', omittedBytes: 0 },
    { stream: 'out', text: 'z\n', omittedBytes: 5000 },
  ];
  const job = await run();
  expect(await finish(job, failed, output)).toEqual(['scheduled']);
  expect(await finish(job, failed, output)).toEqual(['stale']);
  expect(await store.jobs.output(job.id, 1)).toEqual(output);
  expect(await store.jobs.output(job.id, 2)).toEqual([]);
});

test('what a stale or uncounted attempt wrote is not kept', async () => {
  const output: OutputPiece[] = [{ stream: 'out', text: 'x', omittedBytes: 0 }];
  const job = await run();
  await finish({ ...job, attempt: 9 }, succeeded, output);
  await finish(job, { kind: 'interrupted' }, output);
  expect(await store.jobs.output(job.id, 1)).toEqual([]);
});

test('many ends share one statement, each with its own answer and output', async () => {
  const jobs: StartedJob[] = [];
  for (let n = 0; n < 6; n += 1) jobs.push(await run());
  const outcomes: Outcome[] = [succeeded, failed, { kind: 'cancelled' }, { kind: 'interrupted' }];
  const states = await store.runs.finish(
    jobs.map((job, n) =>
      ended(n === 5 ? { ...job, attempt: 7 } : job, outcomes[n] ?? succeeded, [
        { stream: 'out', text: `output ${n}`, omittedBytes: 0 },
      ]),
    ),
  );
  expect(states).toEqual(['succeeded', 'scheduled', 'cancelled', 'scheduled', 'succeeded', 'stale']);
  const texts = await Promise.all(jobs.map(async ({ id }) => (await store.jobs.output(id, 1))[0]?.text));
  expect(texts).toEqual(['output 0', 'output 1', 'output 2', undefined, 'output 4', undefined]);
});

test.each<[Outcome, string]>([
  [failed, 'cancelled'],
  [{ kind: 'interrupted' }, 'cancelled'],
  [{ kind: 'snoozed', delayMs: 9 }, 'cancelled'],
  [{ kind: 'cancelled' }, 'cancelled'],
  [succeeded, 'succeeded'],
  [{ kind: 'failed', error, final: true }, 'dead'],
])('a job whose end was asked for and that ends as $kind is not tried again', async (outcome, state) => {
  const job = await run();
  await store.jobs.cancel(job.id);
  expect(await finish(job, outcome)).toEqual([state]);
  const row = await store.job(job.id);
  expect(row.state).toBe(state);
  expect(row.finishedAt).toBeInstanceOf(Date);
});
