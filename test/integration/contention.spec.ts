/** Many requests at once about the same few jobs: they wait for each other, but no connection of the pool waits for another one. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { JobTypeRepository } from '#common/database/job-type.repository.js';
import { KeyedSubmissionRepository } from '#common/database/keyed-submission.repository.js';
import { LeaseRepository } from '#common/database/lease.repository.js';
import { LeasingRepository } from '#common/database/leasing.repository.js';
import { Notifier } from '#common/database/notifications.js';
import { WorkflowRepository } from '#common/database/workflow.repository.js';
import { decideUnfailed } from '#common/domain/outcome.js';
import { uniqueName } from '../support/environment.js';
import { eventually } from '../support/eventually.js';
import { newJob, TestStore } from './support/database.js';

const AT_ONCE = 64;
/** The default of PG_MAX_CONNS. */
const CONNECTIONS = 10;
const THINGS = 4;

let store: TestStore;

beforeAll(async () => {
  store = await TestStore.open(CONNECTIONS);
});
afterAll(() => store.close());

test('64 cancels, ends and outputs at once of the same jobs, workflows and leases are all answered', async () => {
  const notifier = new Notifier(store.prisma);
  const leases = new LeaseRepository(store.prisma, notifier);
  const workflows = new WorkflowRepository(store.prisma);
  const keyed = new KeyedSubmissionRepository(store.prisma);
  const [type, queue, key] = [uniqueName('type'), uniqueName('queue'), uniqueName('key')];
  await new JobTypeRepository(store.prisma).announceRemote({ type, payloadSchema: {} });
  await store.queues.ensure(queue);

  const flows = Array.from({ length: THINGS }, () => randomUUID());
  for (const id of flows)
    await workflows.insert(
      {
        id,
        name: null,
        jobs: Array.from({ length: 20 }, () => newJob({ queue })),
        dependencies: [],
      },
      undefined,
    );
  const jobs = await Promise.all(Array.from({ length: THINGS }, () => store.submit({ queue })));
  await Promise.all(Array.from({ length: THINGS }, () => store.submit({ type, queue })));
  const { jobs: leased } = await new LeasingRepository(store.prisma).lease(
    { types: [type], queues: null },
    Array.from({ length: THINGS }, () => ({ executorId: randomUUID(), leaseMs: 60_000, worker: 'w' })),
  );
  expect(leased).toHaveLength(THINGS);

  const one = (index: number): Promise<unknown> => {
    const at = Math.floor(index / 8) % THINGS;
    const job = leased[at];
    if (job === undefined) throw new Error('nothing was leased');
    const hold = {
      jobId: job.id,
      delivery: job.delivery,
      attempt: job.attempt,
      executorId: job.executorId ?? '',
    };
    switch (index % 8) {
      case 0:
        return store.jobs.cancel(jobs[at]?.id ?? '');
      case 1:
        return store.jobs.cancel(job.id);
      case 2:
        return workflows.cancel(flows[at] ?? '');
      case 3:
        return leases.renew([{ ...hold, leaseMs: 60_000 }]);
      case 4:
        return leases.append([{ ...hold, pieces: [{ stream: 'out', text: 'x' }] }]);
      case 5:
        return leases.finish([
          { ...hold, decision: decideUnfailed({ kind: 'succeeded', result: 1 }), output: [] },
        ]);
      case 6:
        return keyed.submitUnique({ ...newJob({ queue }), uniqueKey: key }, 'replace', undefined, () => true);
      default:
        return store.executors.busy();
    }
  };
  const answers = await Promise.allSettled(Array.from({ length: AT_ONCE }, (_, index) => one(index)));
  expect(answers.filter(({ status }) => status === 'rejected')).toEqual([]);
});

test('unique keys whose jobs somebody holds delay neither other keys nor anything else', async () => {
  const keyed = new KeyedSubmissionRepository(store.prisma);
  const replace = (uniqueKey: string) =>
    keyed.submitUnique({ ...newJob(), uniqueKey }, 'replace', undefined, () => true);
  const [held = '', ...others] = Array.from({ length: CONNECTIONS * 2 }, () => uniqueName('key'));
  for (const key of [held, ...others]) await replace(key);
  const holder = new pg.Client({ connectionString: store.url });
  await holder.connect();
  const hold = (keys: string[]) =>
    holder.query('SELECT 1 FROM jobs WHERE unique_key = ANY ($1) FOR UPDATE', [keys]);
  const waiting = async () => {
    const { rows } = await holder.query<{ count: number }>(
      `SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return rows[0]?.count;
  };
  try {
    await holder.query('BEGIN');
    await hold([held]);
    const conflicts = Array.from({ length: AT_ONCE }, () => replace(held));
    await eventually(async () => expect(await waiting()).toBe(1));
    expect(await replace(uniqueName('key'))).toMatchObject({ kind: 'created' });
    expect(await waiting()).toBe(1);

    await hold(others);
    const more = others.map(replace);
    await eventually(async () => expect(await waiting()).toBe(CONNECTIONS / 2));
    expect(await store.submit()).toMatchObject({ state: 'scheduled' });
    await holder.query('COMMIT');
    for (const submission of await Promise.all([...conflicts, ...more]))
      expect(submission).toMatchObject({ kind: 'created' });
  } finally {
    await holder.end();
  }
});
