/** How far a job is: whose word counts, and until when. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ProgressRepository } from '#common/database/progress.repository.js';
import type { Fence } from '#common/database/leader-epochs.js';
import type { StartedJob } from '#common/domain/job.js';
import { uniqueName } from '../support/environment.js';
import { GRACE_MS, TestStore } from './support/database.js';

let store: TestStore;
let leader: Fence;
let progress: ProgressRepository;
let executor: string;

beforeAll(async () => {
  store = await TestStore.open();
  leader = await store.lead();
  progress = new ProgressRepository(store.prisma);
});
afterAll(() => store.close());
beforeEach(async () => {
  executor = await store.executor();
});

async function run(): Promise<StartedJob> {
  const queue = uniqueName('queue');
  await store.submit({ queue });
  const claimed = await store.claim(leader, { [queue]: 1 });
  const [first] = claimed === 'fenced' ? [] : claimed;
  if (first === undefined) throw new Error('nothing was claimed');
  const [started] = await store.runs.start(
    executor,
    [{ jobId: first.id, delivery: first.delivery }],
    GRACE_MS,
  );
  if (started === undefined || started === 'stale') throw new Error('nothing was started');
  return started;
}

const tell = (
  { id, delivery, attempt }: StartedJob,
  percent: number,
  message: string | null,
  by = executor,
) => progress.write(by, [{ jobId: id, delivery, attempt, percent, message }]);

test('what is told last is what is read, of many jobs at once', async () => {
  const jobs = [await run(), await run()];
  expect(await progress.of(jobs[0]?.id ?? '')).toBeUndefined();
  await progress.write(
    executor,
    jobs.map(({ id, delivery, attempt }, n) => ({ jobId: id, delivery, attempt, percent: n, message: null })),
  );
  const [first, second] = jobs as [StartedJob, StartedJob];
  await tell(first, 12.5, 'copying');
  expect(await progress.of(first.id)).toMatchObject({ percent: 12.5, message: 'copying' });
  expect(await progress.of(second.id)).toMatchObject({ percent: 1, message: null });
});

test('another run of the job, or another executor, tells nothing', async () => {
  const job = await run();
  await tell(job, 10, null);
  await tell({ ...job, attempt: job.attempt + 1 }, 20, null);
  await tell({ ...job, delivery: job.delivery + 1 }, 30, null);
  await tell(job, 40, null, await store.executor());
  expect(await progress.of(job.id)).toMatchObject({ percent: 10 });
});

test('what the last moment told still counts after the end, and is gone with the next attempt', async () => {
  const job = await run();
  await store.prisma.query(`UPDATE jobs SET state = 'scheduled' WHERE id = $1::uuid`, job.id);
  await tell(job, 90, 'nearly');
  expect(await progress.of(job.id)).toMatchObject({ percent: 90 });
  await store.prisma.query(`UPDATE jobs SET attempt = attempt + 1 WHERE id = $1::uuid`, job.id);
  expect(await progress.of(job.id)).toBeUndefined();
});
