/** What happens to jobs is recorded by whoever does it, while somebody listens, and at no cost otherwise. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { DeadLetterRepository } from '#common/database/dead-letter.repository.js';
import { EventRepository } from '#common/database/event.repository.js';
import { ExpiryRepository } from '#common/database/expiry.repository.js';
import { START_JOBS } from '#common/database/job-statements.js';
import { KeyedSubmissionRepository } from '#common/database/keyed-submission.repository.js';
import type { Fence } from '#common/database/leader-epochs.js';
import { OrderedFeedRepository } from '#common/database/ordered-feed.repository.js';
import { PruneRepository } from '#common/database/prune.repository.js';
import type { StartedJob } from '#common/domain/job.js';
import { decide, type Outcome } from '#common/domain/outcome.js';
import { UNLIMITED } from '#common/domain/queue.js';
import { withPostgres } from '#tools/sql.js';
import { uniqueName } from '../support/environment.js';
import { forget, Reader, record } from './support/events.js';
import { GRACE_MS, LONG_AGO, newJob, TestStore } from './support/database.js';
import { died, succeeded, WorkflowWorld } from './support/workflow.js';

let store: TestStore;
let events: EventRepository;
let leader: Fence;
let executor: string;
let queue: string;

beforeAll(async () => {
  store = await TestStore.open();
  events = new EventRepository(store.prisma);
  leader = await store.lead();
});
afterAll(() => store.close());
beforeEach(async () => {
  queue = uniqueName('queue');
  executor = await store.executor();
});

const error = { name: 'Boom', message: 'it broke' };

async function begin(): Promise<StartedJob> {
  const claimed = await store.claim(leader, { [queue]: 1 });
  const [first] = claimed === 'fenced' ? [] : claimed;
  const delivery = { jobId: first?.id ?? '', delivery: first?.delivery ?? 0 };
  const [started] = await store.runs.start(executor, [delivery], GRACE_MS);
  if (started === undefined || started === 'stale') throw new Error('nothing was started');
  return started;
}
async function end(job: StartedJob, outcome: Outcome): Promise<void> {
  const { id: jobId, delivery, attempt } = job;
  const decision = decide(job, outcome, 0);
  await store.runs.finish([{ jobId, delivery, attempt, executorId: executor, decision, output: [] }]);
}
const recorded = async () => (await store.prisma.query<object>(`SELECT 1 FROM job_events`)).length;
const makeDue = (id: string) => store.turnClock('jobs', id, `run_at = '${LONG_AGO.toISOString()}'`);

test('while nobody listens nothing is written, and no job is looked at twice for it', async () => {
  await store.submit({ queue });
  await end(await begin(), { kind: 'succeeded', result: null });
  await store.jobs.cancel((await store.submit()).id);
  expect(await recorded()).toBe(0);

  const plan = await withPostgres(store.url, async (client) => {
    await client.query(`PREPARE start AS ${START_JOBS}`);
    const { rows } = await client.query<Record<'QUERY PLAN', string>>(
      `EXPLAIN (ANALYZE, COSTS off) EXECUTE start ('${executor}', '{}', '{}', 0)`,
    );
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  });
  expect(plan).toMatch(/Insert on job_events[\s\S]*One-Time Filter[\s\S]*\(never executed\)/);
});

test('a listener hears of each state that a job passes through, in order', async () => {
  await record(events);
  const reader = new Reader(events);
  await reader.read();
  const { id } = await store.submit({ queue, type: 'told', retry: { strategy: 'fixed', delayMs: 0 } });
  await end(await begin(), { kind: 'failed', error });
  await makeDue(id);
  const second = await begin();
  await store.jobs.cancel(id);
  await end(second, { kind: 'cancelled' });

  const told = await reader.read();
  expect(told.map(({ change, state, attempt, delivery }) => [change, state, attempt, delivery])).toEqual([
    ['state', 'scheduled', 0, 0],
    ['state', 'queued', 0, 1],
    ['state', 'running', 1, 1],
    ['state', 'scheduled', 1, 1],
    ['state', 'queued', 1, 2],
    ['state', 'running', 2, 2],
    ['cancel-requested', 'running', 2, 2],
    ['state', 'cancelled', 2, 2],
  ]);
  for (const event of told) {
    expect(event).toMatchObject({ jobId: id, type: 'told', queue });
    expect(Date.parse(event.at)).toBeGreaterThan(Date.now() - 60_000);
  }
  expect(told.map(({ at }) => at)).toEqual(told.map(({ at }) => at).toSorted());
});

/** Refuses, when a transaction commits, every change of a state of which no event tells. */
const TELL_OR_FAIL = `
CREATE FUNCTION must_be_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM job_events WHERE job_id = NEW.id AND state = NEW.state AND delivery = NEW.delivery
                 AND xid = pg_current_xact_id()::text::bigint) THEN
    RAISE EXCEPTION 'nobody is told that a job is %', NEW.state;
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER told_when_made AFTER INSERT ON jobs DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION must_be_told();
CREATE CONSTRAINT TRIGGER told_when_changed AFTER UPDATE ON jobs DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION must_be_told();`;

test('every way to make a job and to change its state is told in the transaction that does it', async () => {
  await record(events);
  await withPostgres(store.url, (admin) => admin.query(TELL_OR_FAIL));
  const keyed = new KeyedSubmissionRepository(store.prisma);
  const letters = new DeadLetterRepository(store.prisma);
  const key = () => ({ key: uniqueName('key'), requestHash: 'x' });

  await store.submit({ queue });
  await store.jobs.insertTogether([newJob({ runAt: null }), newJob()]);
  await keyed.submitIdempotent(newJob(), key());
  const unique = { ...newJob(), uniqueKey: uniqueName('unique') };
  await keyed.submitUnique(unique, 'reject', key(), () => true);
  await keyed.submitUnique({ ...newJob(), uniqueKey: unique.uniqueKey }, 'replace', undefined, () => true);

  const [claimed] = (await store.claim(leader, { [queue]: 1 })) as { id: string; delivery: number }[];
  await store.feed.takeBack(leader, [{ jobId: claimed?.id ?? '', delivery: 1 }]);
  const lost = await begin();
  const decision = decide(lost, { kind: 'lost', error }, 0);
  await store.runs.reclaim(leader, [
    { jobId: lost.id, delivery: lost.delivery, attempt: 1, executorId: executor, decision, output: [] },
  ]);
  for (const redrive of [
    (id: string) => letters.redrive(id, 1),
    () => letters.redriveMatching({ queuePatterns: null, queue }, 1),
    () => letters.purgeMatching({ queuePatterns: null, queue }),
  ]) {
    await makeDue(lost.id);
    await end(await begin(), { kind: 'failed', error, final: true });
    await redrive(lost.id);
  }
  const late = await store.submit({ expiresAt: new Date(0) });
  expect(await new ExpiryRepository(store.prisma, store.epochs).expire(leader, 100)).toBe(1);
  expect((await store.job(late.id)).state).toBe('expired');
  const ordered = uniqueName('ordered');
  await store.queues.create(ordered, { ...UNLIMITED, drain: 'leader' });
  await store.submit({ queue: ordered });
  const claims = await new OrderedFeedRepository(store.prisma, store.epochs).claim(leader, [ordered]);
  expect(claims).toMatchObject([{ job: { queue: ordered } }]);

  const told = await store.prisma.query<{ change: string; state: string }>(
    `SELECT change, state FROM job_events WHERE job_id = $1::uuid ORDER BY seq DESC LIMIT 1`,
    lost.id,
  );
  expect(told).toEqual([{ change: 'deleted', state: 'dead' }]);

  const world = await WorkflowWorld.in(store);
  const chain = await world.make({ a: '', b: 'a', c: 'b' }, { maxAttempts: 1 });
  await chain.start();
  await chain.finish({ a: succeeded() });
  await chain.start();
  await chain.finish({ b: died });
  while ((await world.settle()) > 0);
  expect(await chain.states()).toBe('a:succeeded b:dead c:cancelled');
  await world.workflows.retry(chain.id, (await chain.workflow()).version, 1);
  await chain.start();
  await world.workflows.cancel(chain.id);
  const ofWorkflow = await store.prisma.query<{ change: string; state: string }>(
    `SELECT change, state FROM job_events WHERE workflow_id = $1::uuid ORDER BY seq DESC LIMIT 2`,
    chain.id,
  );
  expect(ofWorkflow.map(({ change, state }) => `${change} ${state}`).toSorted()).toEqual([
    'cancel-requested running',
    'state cancelled',
  ]);

  // The guard itself holds.
  await forget(store);
  await expect(store.submit()).rejects.toThrow('nobody is told');
  await withPostgres(store.url, (admin) => admin.query('DROP FUNCTION must_be_told CASCADE'));
});

test('old events are deleted, and readers can tell from where on nothing is missing', async () => {
  await record(events);
  const pruner = new PruneRepository(store.prisma, store.epochs);
  await store.prisma.query('DELETE FROM job_events');
  for (let n = 0; n < 3; n += 1) await store.submit({ queue });
  await store.prisma.query(
    `UPDATE job_events SET at = now() - interval '1 hour' WHERE seq < (SELECT max(seq) FROM job_events)`,
  );
  expect(await pruner.pruneEvents({ ...leader, epoch: leader.epoch + 1n }, 60_000, 10)).toBe(0);
  expect(await pruner.pruneEvents(leader, 60_000, 1)).toBe(1);
  expect(await pruner.pruneEvents(leader, 60_000, 10)).toBe(1);
  expect(await recorded()).toBe(1);
  const [kept] = await store.prisma.query<{ xid: number }>(`SELECT xid::float8 AS xid FROM job_events`);
  const { prunedBelow } = await events.readSince(undefined, 1);
  expect(prunedBelow).toBeGreaterThan(0);
  expect(prunedBelow).toBeLessThanOrEqual(kept?.xid ?? 0);
});

test('writers wake readers only as long as these wish it', async () => {
  await record(events);
  const heard: string[] = [];
  await withPostgres(store.url, async (client) => {
    client.on('notification', ({ payload }) => heard.push(payload ?? ''));
    await client.query('LISTEN triumvir');
    await store.submit({ queue });
    await events.setHinting(false);
    await store.submit({ queue });
    await client.query('SELECT 1');
    await events.setHinting(true);
    await forget(store);
    await store.submit({ queue });
    await client.query('SELECT 1');
  });
  expect(heard.filter((hint) => hint === 'events')).toHaveLength(1);
});
