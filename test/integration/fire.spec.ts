/** Firing: due times are fired exactly once by however many leaders, missed and overlapping ones by their policies. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { FiringRepository, type DueSchedule } from '#common/database/firing.repository.js';
import type { Fence } from '#common/database/leader-epochs.js';
import { PruneRepository } from '#common/database/prune.repository.js';
import { ScheduleRepository, type Schedule } from '#common/database/schedule.repository.js';
import { planFiring } from '#common/domain/firing-plan.js';
import type { ScheduleDefinition } from '#common/domain/schedule.js';
import { uniqueName } from '../support/environment.js';
import { TestStore } from './support/database.js';

let store: TestStore;
let schedules: ScheduleRepository;
let firing: FiringRepository;
let leader: Fence;

beforeAll(async () => {
  store = await TestStore.open();
  schedules = new ScheduleRepository(store.prisma);
  firing = new FiringRepository(store.prisma, store.epochs);
});
afterAll(() => store.close());
beforeEach(async () => {
  leader = await store.lead();
  await store.prisma.query('DELETE FROM schedules');
  await store.prisma.query('DELETE FROM jobs');
});

/** Whole hours, so that hardly any test run sees one begin between two of its steps. */
const HOUR = 3_600_000;

function definition(changes: Partial<ScheduleDefinition> = {}): ScheduleDefinition {
  return {
    recurrence: { kind: 'cron', expression: '0 * * * *', gap: null, fold: null },
    timezone: 'UTC',
    start: null,
    end: null,
    maxCount: null,
    jitterMs: 0,
    missedRuns: 'once',
    graceMs: HOUR,
    overlap: 'allow',
    job: {
      type: 'test',
      payload: { deep: [1, 'two'] },
      name: null,
      queue: 'reports',
      priority: 3,
      maxAttempts: 7,
      timeoutMs: 1234,
      retry: { strategy: 'fixed', delayMs: 9 },
      onLost: 'hold',
      concurrencyKey: 'printer',
      fairnessKey: 'tenant',
    },
    ...changes,
  };
}

/** The latest whole hour of the database's clock, so many hours back. */
async function hoursAgo(hours: number): Promise<Date> {
  const now = (await schedules.now()).getTime();
  return new Date(Math.floor(now / HOUR - hours) * HOUR);
}

async function schedule(changes: Partial<ScheduleDefinition>, nextDueAt: Date | null): Promise<Schedule> {
  const created = await schedules.create(uniqueName('schedule'), definition(changes), () => nextDueAt);
  if (created === 'taken') throw new Error('the name is taken');
  // Nothing is due before the creation of a schedule.
  await store.turnClock('schedules', created.id, `created_at = now() - interval '1 year'`);
  return created;
}

/** One round of the firer. */
async function fire(fence = leader) {
  const { schedules: due, now } = await firing.findDue(10_000);
  return firing.fire(
    fence,
    due.map((one) => ({ schedule: one, plan: planFiring(one, now) })),
  );
}

const ledger = async ({ id }: Schedule) => (await schedules.occurrences(id, {}, 10_000)).reverse();
const outcomes = async (one: Schedule) =>
  (await ledger(one)).map(({ outcome, reason }) => (reason === null ? outcome : `${outcome} ${reason}`));
const jobsOf = async (one: Schedule) =>
  Promise.all((await ledger(one)).flatMap(({ jobId }) => (jobId === null ? [] : [store.job(jobId)])));
const again = async ({ name }: Schedule): Promise<Schedule> => {
  const found = await schedules.get(name);
  if (found === undefined) throw new Error('the schedule is gone');
  return found;
};
const finish = (jobId: string) => store.turnClock('jobs', jobId, `state = 'succeeded', finished_at = now()`);

test('a due time makes the job of the template, an entry in the ledger, and a next due time', async () => {
  const dueAt = await hoursAgo(0);
  const one = await schedule({}, dueAt);
  expect(await fire()).toMatchObject({ moved: 1, fired: 1 });
  const [entry] = await ledger(one);
  expect(entry).toMatchObject({ dueAt, outcome: 'fired', reason: null });
  expect(entry?.latenessMs).toBeGreaterThanOrEqual(0);
  expect(entry?.runAt?.getTime()).toBeGreaterThanOrEqual(dueAt.getTime());
  expect(entry?.latenessMs).toBeLessThan(HOUR + 5000);
  expect(await jobsOf(one)).toMatchObject([
    {
      name: one.name,
      type: 'test',
      payload: { deep: [1, 'two'] },
      queue: 'reports',
      state: 'scheduled',
      priority: 3,
      runAt: entry?.runAt,
      maxAttempts: 7,
      timeoutMs: 1234,
      retry: { strategy: 'fixed', delayMs: 9 },
      onLost: 'hold',
      concurrencyKey: 'printer',
      fairnessKey: 'tenant',
      uniqueKey: null,
      createdBy: null,
    },
  ]);
  expect(await again(one)).toMatchObject({ firedCount: 1, version: 1 });
  expect((await again(one)).nextDueAt?.getTime()).toBeGreaterThan(dueAt.getTime());
});

test('an interval without a start counts from its creation, from the first due time on', async () => {
  let computedWith: Date | undefined;
  const interval = definition({ recurrence: { kind: 'interval', everyMs: 1000 } });
  const created = await schedules.create(uniqueName('schedule'), interval, (now) => {
    computedWith = now;
    return new Date(now.getTime() + 1000);
  });
  expect(created).toMatchObject({ createdAt: computedWith });
});

test('what is paused, not yet due, or over is left alone', async () => {
  const paused = await schedule({}, await hoursAgo(0));
  await schedules.setPaused(paused.name, true);
  const future = await schedule({}, await hoursAgo(-2));
  const over = await schedule({}, null);
  expect((await firing.findDue(10)).schedules).toEqual([]);
  for (const one of [paused, future, over]) expect(await ledger(one)).toEqual([]);
});

test('a leader whose epoch is stale fires nothing and is told so', async () => {
  const one = await schedule({}, await hoursAgo(0));
  const successor = await store.lead(leader.election);
  expect(await fire(leader)).toBe('fenced');
  expect(await ledger(one)).toEqual([]);
  expect(await fire(successor)).toMatchObject({ fired: 1 });
});

test('two leaders that both planned a due time fire it once', async () => {
  const all = await Promise.all(
    Array.from({ length: 50 }, async () => schedule({ missedRuns: 'all' }, await hoursAgo(5))),
  );
  const { schedules: due, now } = await firing.findDue(1000);
  const plans = due.map((one: DueSchedule) => ({ schedule: one, plan: planFiring(one, now) }));
  // Two elections, so that the fence lets both through: here only the guards of the rows protect.
  const other = await store.lead();
  const fired = await Promise.all([
    firing.fire(leader, plans),
    firing.fire(other, plans),
    firing.fire(leader, plans),
  ]);
  expect(fired.map((one) => (one === 'fenced' ? 0 : one.moved)).reduce((sum, n) => sum + n, 0)).toBe(50);
  const jobs = await store.list({}, 1000);
  const entries = await Promise.all(all.map(ledger));
  expect(jobs).toHaveLength(entries.flat().length);
});

test('an old leader that is stopped between its look and its firing fires nothing when it comes back', async () => {
  const one = await schedule({}, await hoursAgo(0));
  const { schedules: due, now } = await firing.findDue(10);
  const plans = due.map((position) => ({ schedule: position, plan: planFiring(position, now) }));
  const successor = await store.lead(leader.election);
  expect(await fire(successor)).toMatchObject({ fired: 1 });
  expect(await firing.fire(leader, plans)).toBe('fenced');
  expect(await ledger(one)).toHaveLength(1);
  expect(await store.list({}, 10)).toHaveLength(1);
});

test('a due time that stands in the ledger already makes no second job', async () => {
  const dueAt = await hoursAgo(0);
  const one = await schedule({}, dueAt);
  await fire();
  await store.prisma.query(`UPDATE schedules SET next_due_at = $1::timestamptz`, dueAt.toISOString());
  expect(await fire()).toMatchObject({ moved: 1, fired: 0 });
  expect(await ledger(one)).toHaveLength(1);
  expect((await again(one)).firedCount).toBe(1);
});

test('a schedule that was changed after it was looked at is not fired by the old plan', async () => {
  const one = await schedule({}, await hoursAgo(0));
  const { schedules: due, now } = await firing.findDue(10);
  await schedules.update(one, definition({ timezone: 'Europe/Berlin' }), undefined);
  const plans = due.map((position) => ({ schedule: position, plan: planFiring(position, now) }));
  expect(await firing.fire(leader, plans)).toMatchObject({ moved: 0, fired: 0 });
  expect(await fire()).toMatchObject({ moved: 1, fired: 1 });
});

test.each([
  ['skip', ['skipped missed', 'skipped missed', 'skipped missed']],
  ['once', ['skipped missed', 'skipped missed', 'caught-up']],
  ['all', ['caught-up', 'caught-up', 'caught-up']],
] as const)(
  'missed runs, %s: after a downtime the ledger says what became of each',
  async (missedRuns, missed) => {
    const one = await schedule({ missedRuns, graceMs: 3 * HOUR }, await hoursAgo(5));
    await fire();
    expect((await outcomes(one)).slice(0, 3)).toEqual(missed);
    // The last hours are within the grace.
    expect(new Set((await outcomes(one)).slice(3))).toEqual(new Set(['fired']));
  },
);

test('all: a thousand in a pass, oldest first, until it has caught up', async () => {
  const one = await schedule({ missedRuns: 'all' }, await hoursAgo(2500));
  expect(await fire()).toMatchObject({ fired: 1000 });
  expect(await fire()).toMatchObject({ fired: 1000 });
  await fire();
  const entries = await ledger(one);
  expect(entries.length).toBeGreaterThanOrEqual(2501);
  const due = entries.map(({ dueAt }) => dueAt.getTime());
  expect(due.every((at, index) => index === 0 || at - (due[index - 1] ?? 0) === HOUR)).toBe(true);
});

test('overlap skip: no job while one is unfinished, and one again afterwards', async () => {
  const one = await schedule({ overlap: 'skip', graceMs: 60 * HOUR }, await hoursAgo(1));
  await fire();
  expect((await outcomes(one)).slice(0, 2)).toEqual(['fired', 'skipped overlap']);
  await store.prisma.query(
    `UPDATE schedules SET next_due_at = $1::timestamptz`,
    (await hoursAgo(-0.01)).toISOString(),
  );
  await store.prisma.query(`DELETE FROM occurrences WHERE reason = 'overlap'`);
  await fire();
  expect(await outcomes(one)).toEqual(['fired', 'skipped overlap']);
  const [job] = await jobsOf(one);
  await finish(job?.id ?? '');
  await store.prisma.query(`DELETE FROM occurrences WHERE reason = 'overlap'`);
  await store.prisma.query(
    `UPDATE schedules SET next_due_at = $1::timestamptz`,
    (await hoursAgo(0)).toISOString(),
  );
  await fire();
  expect(await outcomes(one)).toEqual(['fired', 'fired']);
});

test('overlap queue-one: one due time waits, and is fired once the job before it has finished', async () => {
  const one = await schedule({ overlap: 'queue-one', graceMs: 60 * HOUR }, await hoursAgo(2));
  await fire();
  expect((await outcomes(one)).slice(0, 2)).toEqual(['fired', 'skipped overlap']);
  expect((await again(one)).waitingDueAt).toEqual(await hoursAgo(1));
  expect(await firing.nextDue()).toMatchObject({ waiting: true });
  expect((await firing.findDue(10)).schedules).toEqual([]);
  const [job] = await jobsOf(one);
  await finish(job?.id ?? '');
  expect(await fire()).toMatchObject({ fired: 1 });
  expect(await outcomes(one)).toContain('fired waited');
  expect(await again(one)).toMatchObject({ waitingDueAt: null, firedCount: 2 });
});

test('overlap cancel-running: the job before is cancelled, or told to end where it runs, in the same step', async () => {
  const one = await schedule({ overlap: 'cancel-running' }, await hoursAgo(0));
  await fire();
  const [first] = await jobsOf(one);
  const executor = await store.executor();
  await store.turnClock(
    'jobs',
    first?.id ?? '',
    `state = 'running', executor_id = '${executor}', started_at = now(), deadline = now() + interval '1 hour', attempt = 1`,
  );
  const run = await schedules.runNow(one.name);
  await store.prisma.query(
    `UPDATE schedules SET next_due_at = date_trunc('milliseconds', now()) + interval '1 millisecond'`,
  );
  const fired = await fireWhenDue();
  expect(fired).toMatchObject({ fired: 1, toEnd: [first?.id] });
  expect(await store.job(first?.id ?? '')).toMatchObject({
    state: 'running',
    cancelRequestedAt: expect.any(Date) as Date,
  });
  expect(await store.job(run?.jobId ?? '')).toMatchObject({ state: 'cancelled' });
});

async function fireWhenDue() {
  for (;;) {
    const fired = await fire();
    if (fired === 'fenced' || fired.moved > 0) return fired;
  }
}

test('a policy that looks for unfinished jobs finds those that were made under allow', async () => {
  const one = await schedule({ overlap: 'allow' }, await hoursAgo(0));
  await fire();
  const looked = await again(one);
  await schedules.update(looked, definition({ overlap: 'skip' }), () => looked.nextDueAt);
  await store.prisma.query(`UPDATE schedules SET next_due_at = now()`);
  await fireWhenDue();
  expect(await outcomes(one)).toEqual(['fired', 'skipped overlap']);
});

test('after its maximum count a schedule is over', async () => {
  const one = await schedule({ maxCount: 2, graceMs: 60 * HOUR }, await hoursAgo(5));
  expect(await fire()).toMatchObject({ fired: 2 });
  expect(await again(one)).toMatchObject({ nextDueAt: null, firedCount: 2 });
});

test('run now makes a job whatever the clock and the pause say, and counts for nothing else', async () => {
  const one = await schedule({ maxCount: 1 }, null);
  await schedules.setPaused(one.name, true);
  const run = await schedules.runNow(one.name);
  expect(await store.job(run?.jobId ?? '')).toMatchObject({ state: 'scheduled', name: one.name });
  expect(await outcomes(one)).toEqual(['fired manual']);
  expect((await again(one)).firedCount).toBe(0);
  expect(await schedules.runNow('nothing')).toBeUndefined();
});

test('jobs of a schedule have the expiry, counted from when they are due, and the tags of its template', async () => {
  const { job } = definition();
  const one = await schedule({ job: { ...job, expiresInMs: 60_000, tags: ['b', 'a'] } }, await hoursAgo(0));
  const run = await schedules.runNow(one.name);
  expect(await fire()).toMatchObject({ fired: 1 });
  const made = await store.prisma.query<{ manual: boolean; ms: number; tags: string[] }>(
    `SELECT id = $1::uuid AS manual, tags, extract(epoch FROM expires_at - run_at)::float8 * 1000 AS ms FROM jobs ORDER BY 1`,
    run?.jobId,
  );
  expect(made).toEqual([
    { manual: false, tags: ['b', 'a'], ms: 60_000 },
    { manual: true, tags: ['b', 'a'], ms: 60_000 },
  ]);
});

test('deleting a schedule deletes its ledger and leaves its jobs', async () => {
  const one = await schedule({}, await hoursAgo(0));
  await fire();
  const [job] = await jobsOf(one);
  await schedules.delete(one.name, undefined);
  expect(await ledger(one)).toEqual([]);
  expect(await store.job(job?.id ?? '')).toMatchObject({ state: 'scheduled' });
});

test('the ledger is kept as long as retention says, and pruned by a leader that stands', async () => {
  const one = await schedule({ graceMs: 60 * HOUR }, await hoursAgo(3));
  await fire();
  const prune = new PruneRepository(store.prisma, store.epochs);
  await store.prisma.query(
    `UPDATE occurrences SET recorded_at = now() - interval '2 days' WHERE due_at < now() - interval '90 minutes'`,
  );
  const before = (await ledger(one)).length;
  const day = 24 * HOUR;
  expect(await prune.pruneOccurrences({ ...leader, epoch: leader.epoch + 1n }, day, 100)).toBe(0);
  expect(await prune.pruneOccurrences(leader, day, 100)).toBeGreaterThanOrEqual(2);
  expect((await ledger(one)).length).toBeLessThan(before);
});

test('ten thousand schedules that are due in the same second are all fired in five rounds', async () => {
  await store.prisma.query(
    `INSERT INTO schedules (id, name, definition, next_due_at)
     SELECT gen_random_uuid(), 'bulk-' || n, $1::jsonb, date_trunc('second', now()) FROM generate_series(1, 10000) AS n`,
    JSON.stringify(
      definition({
        recurrence: { kind: 'cron', expression: '0 3 * * MON-FRI', gap: null, fold: null },
        timezone: 'Europe/Berlin',
      }),
    ),
  );
  await store.prisma.query('ANALYZE schedules');
  let fired = 0;
  let rounds = 0;
  for (; ; rounds += 1) {
    const { schedules: due, now } = await firing.findDue(2000);
    if (due.length === 0) break;
    const round = await firing.fire(
      leader,
      due.map((one) => ({ schedule: one, plan: planFiring(one, now) })),
    );
    fired += round === 'fenced' ? 0 : round.fired;
  }
  // How long that takes is measured by `npm run bench -- schedules`.
  expect({ fired, rounds }).toEqual({ fired: 10_000, rounds: 5 });
});
