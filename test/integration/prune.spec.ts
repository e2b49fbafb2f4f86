/** What retention deletes, what it keeps, and that nothing of a deleted job is left behind. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DeadLetterRepository } from '#common/database/dead-letter.repository.js';
import { KeyedSubmissionRepository } from '#common/database/keyed-submission.repository.js';
import type { Fence } from '#common/database/leader-epochs.js';
import { PruneRepository } from '#common/database/prune.repository.js';
import { v7 as uuidv7 } from 'uuid';
import { uniqueName } from '../support/environment.js';
import { newJob, TestStore } from './support/database.js';

const HOUR_MS = 3_600_000;
const RETENTION = { succeededMs: HOUR_MS, cancelledMs: HOUR_MS, expiredMs: HOUR_MS, deadMs: 3 * HOUR_MS };
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

const BELONGINGS = ['job_attempts', 'job_outputs', 'job_progress'];

let store: TestStore;
let leader: Fence;
let pruner: PruneRepository;

beforeAll(async () => {
  store = await TestStore.open();
  leader = await store.lead();
  pruner = new PruneRepository(store.prisma, store.epochs);
});
afterAll(() => store.close());

/** A job that was created and finished so many hours ago, with an attempt and output. */
async function finished(state: string, hours: number): Promise<string> {
  const id = uuidv7({ msecs: Date.now() - (hours + 1) * HOUR_MS });
  await store.submit({ id });
  await store.prisma.query(
    `UPDATE jobs SET state = $2, finished_at = now() - $3::float8 * interval '1 hour' WHERE id = $1::uuid`,
    id,
    state,
    hours,
  );
  await store.prisma.query(
    `INSERT INTO job_attempts (job_id, attempt, outcome) VALUES ($1::uuid, 1, 'failed')`,
    id,
  );
  await store.prisma.query(
    `INSERT INTO job_outputs (job_id, attempt, seq, stream, text) VALUES ($1::uuid, 1, 0, 'out', 'x')`,
    id,
  );
  await store.prisma.query(
    `INSERT INTO job_progress (job_id, attempt, percent) VALUES ($1::uuid, 1, 50)`,
    id,
  );
  return id;
}

/** How many rows there are of the job and of what belongs to it. */
async function rowsOf(id: string): Promise<number[]> {
  return Promise.all(
    ['jobs WHERE id', ...BELONGINGS.map((table) => `${table} WHERE job_id`)].map(
      async (of) => (await store.prisma.query(`SELECT 1 FROM ${of} = $1::uuid`, id)).length,
    ),
  );
}

test('each state has its own retention, and a deleted job leaves nothing behind', async () => {
  const gone = [await finished('succeeded', 2), await finished('cancelled', 2), await finished('dead', 4)];
  const kept = [await finished('succeeded', 0.5), await finished('dead', 2)];
  const unfinished = await store.submit({ id: uuidv7({ msecs: Date.now() - 1000 * HOUR_MS }) });

  const step = await pruner.pruneJobs(leader, RETENTION, BEFORE_ALL, 1000);
  expect(step).toMatchObject({ deleted: 3 });
  for (const id of gone) expect(await rowsOf(id)).toEqual([0, 0, 0, 0]);
  for (const id of kept) expect(await rowsOf(id)).toEqual([1, 1, 1, 1]);
  expect((await store.job(unfinished.id)).state).toBe('scheduled');
});

test('a step looks at no more than it may, and the next one goes on from there', async () => {
  const jobs = [
    await finished('succeeded', 20),
    await finished('succeeded', 19),
    await finished('succeeded', 18),
  ];
  const first = await pruner.pruneJobs(leader, RETENTION, uuidv7({ msecs: Date.now() - 22 * HOUR_MS }), 2);
  expect(first).toEqual({ deleted: 2, lastId: jobs[1] });
  expect(await pruner.pruneJobs(leader, RETENTION, jobs[1] ?? '', 1)).toEqual({
    deleted: 1,
    lastId: jobs[2],
  });
});

test('a stale leader deletes nothing and is told so', async () => {
  const id = await finished('succeeded', 2);
  const stale = await store.lead();
  await store.lead(stale.election);
  expect(await pruner.pruneJobs(stale, RETENTION, BEFORE_ALL, 1000)).toBe('fenced');
  expect(await rowsOf(id)).toEqual([1, 1, 1, 1]);
});

test('a purge of dead letters leaves nothing behind either', async () => {
  const id = await finished('dead', 1);
  const letters = new DeadLetterRepository(store.prisma);
  expect(await letters.purgeMatching({ queuePatterns: null })).toBeGreaterThan(0);
  expect(await rowsOf(id)).toEqual([0, 0, 0, 0]);
});

test('an Idempotency-Key answers with its job for a day, and is forgotten after that', async () => {
  const keyed = new KeyedSubmissionRepository(store.prisma);
  const submit = (key: string) => keyed.submitIdempotent(newJob(), { key, requestHash: 'x' });
  const first = async (key: string, minutesAgo: number) => {
    const submission = await submit(key);
    if (submission.kind !== 'created') throw new Error('the key was known already');
    await store.prisma.query(
      `UPDATE idempotency_keys SET created_at = now() - $2::float8 * interval '1 minute' WHERE key = $1`,
      key,
      minutesAgo,
    );
    return submission.job.id;
  };
  const [younger, older] = [uniqueName('key'), uniqueName('key')];
  const [kept] = [await first(younger, 24 * 60 - 1), await first(older, 24 * 60 + 1)];

  const deposed = { ...leader, epoch: leader.epoch - 1n };
  expect(await pruner.pruneIdempotencyKeys(deposed, 1000)).toBe(0);
  expect(await pruner.pruneIdempotencyKeys(leader, 1000)).toBe(1);
  expect(await submit(younger)).toMatchObject({ kind: 'replayed', job: { id: kept } });
  expect(await submit(older)).toMatchObject({ kind: 'created' });
});
