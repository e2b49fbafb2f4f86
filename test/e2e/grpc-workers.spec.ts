/** A worker that speaks gRPC: it leases jobs and finishes them, loses leases, leaves, and is told what it may do. */
import { status } from '@grpc/grpc-js';
import type { ServiceDefinition } from '@grpc/proto-loader';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { withPostgres } from '#tools/sql.js';
import { ApiClient } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { uniqueName } from '../support/environment.js';
import { GrpcClient, ownProtos, refusal, type Message } from '../support/grpc-client.js';

const SERVICE = ownProtos('triumvir/v1/workers.proto')['triumvir.v1.WorkerService'] as ServiceDefinition;
const UNKNOWN_ID = '0198f2a4-0000-7000-8000-000000000000';

interface Lease {
  readonly lease_token: string;
  readonly expires_at: { readonly seconds: number };
  readonly job: Message & { readonly id: string };
}

let cluster: Cluster;
let api: ApiClient;
let worker: GrpcClient;
let elsewhere: GrpcClient;
let type: string;

beforeAll(async () => {
  cluster = await startCluster({ stores: 2 });
  api = new ApiClient([cluster.url]);
  const [here = '', there = ''] = cluster.of('store').map(({ grpcAddress }) => grpcAddress);
  worker = new GrpcClient(here, SERVICE);
  elsewhere = new GrpcClient(there, SERVICE);
});
afterAll(async () => {
  for (const client of [worker, elsewhere]) client?.close();
  await cluster?.stop();
});
beforeEach(async () => {
  type = uniqueName('type');
  await worker.call('AnnounceType', { type });
});

async function lease(changes: Message = {}, client = worker): Promise<Lease[]> {
  const request = { types: [type], worker: 'go-1', wait: { seconds: 10 }, ...changes };
  return (await client.call('LeaseJobs', request))['leases'] as Lease[];
}
async function leaseOne(job: Record<string, unknown> = {}): Promise<Lease> {
  await api.submit({ type, ...job });
  const [leased] = await lease();
  if (leased === undefined) throw new Error('nothing was leased');
  return leased;
}
const of = ({ job, lease_token }: Lease) => ({ job_id: job.id, lease_token });
const say = (leased: Lease, method: string, rest: Message = {}) =>
  worker.call(method, { ...of(leased), ...rest });
const error = { name: 'Broken', message: 'it broke', details: { fields: { code: { numberValue: 3 } } } };
const none = { seconds: 0 };

describe('a leased job', () => {
  test('succeeds with its result and what it wrote', async () => {
    const leased = await leaseOne({ payload: { a: [1] }, maxAttempts: 2 });
    expect(leased.job).toMatchObject({
      state: 'JOB_STATE_RUNNING',
      attempt: 1,
      max_attempts: 2,
      payload: { structValue: { fields: { a: { listValue: { values: [{ numberValue: 1 }] } } } } },
    });
    const beat = await say(leased, 'Heartbeat', { lease: { seconds: 3600 } });
    expect(beat).toMatchObject({
      job_id: leased.job.id,
      state: 'JOB_STATE_RUNNING',
      cancel_requested: false,
    });
    const { seconds } = beat['expires_at'] as Lease['expires_at'];
    expect(seconds - leased.expires_at.seconds).toBeGreaterThan(3500);
    const output = [{ text: 'one\n' }, { stream: 'STREAM_ERR', text: 'two\n' }];
    expect(await say(leased, 'AppendOutput', { output })).toMatchObject({ state: 'JOB_STATE_RUNNING' });
    const result = { structValue: { fields: { words: { numberValue: 2 } } } };
    for (const repetition of ['the first', 'one whose answer was lost'])
      expect([
        repetition,
        await say(leased, 'CompleteJob', { result, output: [{ text: 'three\n' }] }),
      ]).toEqual([
        repetition,
        { job_id: leased.job.id, state: 'JOB_STATE_SUCCEEDED', expires_at: null, cancel_requested: false },
      ]);
    expect(await api.get(leased.job.id)).toMatchObject({
      state: 'succeeded',
      result: { words: 2 },
      worker: 'go-1',
    });
    const { body } = await api.request('GET', `/api/v1/jobs/${leased.job.id}/output`);
    expect(body).toMatchObject({ stdout: 'one\nthree\n', stderr: 'two\n' });
  });

  test('that fails is tried again when the worker says, and dead when that is of no use', async () => {
    const leased = await leaseOne({ retry: { strategy: 'fixed', delay: '1h' } });
    expect(await say(leased, 'FailJob', { error, retry_after: none })).toMatchObject({
      state: 'JOB_STATE_SCHEDULED',
    });
    const [again] = (await lease()) as [Lease];
    expect(again.job).toMatchObject({ id: leased.job.id, attempt: 2 });
    expect(await say(again, 'FailJob', { error, final: true })).toMatchObject({ state: 'JOB_STATE_DEAD' });
    expect(await api.get(leased.job.id)).toMatchObject({
      state: 'dead',
      error: { name: 'Broken', details: { code: 3 } },
    });
  });

  test('that is snoozed or released is leased out again, uncounted', async () => {
    let leased = await leaseOne();
    for (const [method, rest] of [
      ['SnoozeJob', { delay: none }],
      ['ReleaseJob', {}],
    ] as const) {
      expect(await say(leased, method, rest)).toMatchObject({ state: 'JOB_STATE_SCHEDULED' });
      [leased] = (await lease()) as [Lease];
      expect(leased.job['attempt']).toBe(1);
    }
    await say(leased, 'SnoozeJob', { delay: { seconds: 3600 } });
    expect(await lease({ wait: none })).toEqual([]);
  });

  test('whose cancel is asked for hears of it, and is cancelled when its worker confirms', async () => {
    const leased = await leaseOne();
    const unasked = await refusal(say(leased, 'ConfirmCancel'));
    expect([unasked.code, unasked.message]).toEqual([
      status.FAILED_PRECONDITION,
      expect.stringContaining('Nobody has asked'),
    ]);
    await api.request('POST', `/api/v1/jobs/${leased.job.id}/cancel`);
    expect(await say(leased, 'Heartbeat')).toMatchObject({ cancel_requested: true });
    expect(await say(leased, 'ConfirmCancel')).toMatchObject({ state: 'JOB_STATE_CANCELLED' });
  });
});

const CALLS: readonly (readonly [string, Message])[] = [
  ['Heartbeat', {}],
  ['AppendOutput', { output: [{ text: 'x' }] }],
  ['CompleteJob', {}],
  ['FailJob', { error }],
  ['SnoozeJob', { delay: none }],
  ['ReleaseJob', {}],
  ['ConfirmCancel', {}],
];

describe('a lease that is over', () => {
  test('is FAILED_PRECONDITION in every call, with the states that can follow the present one', async () => {
    const leased = await leaseOne();
    await say(leased, 'SnoozeJob', { delay: { seconds: 3600 } });
    for (const [method, rest] of CALLS) {
      const refused = await refusal(say(leased, method, rest));
      expect([method, refused.code, refused.allowed]).toEqual([
        method,
        status.FAILED_PRECONDITION,
        ['queued', 'running', 'cancelled', 'expired'],
      ]);
    }
    await api.request('POST', `/api/v1/jobs/${leased.job.id}/cancel`);
    expect((await refusal(say(leased, 'CompleteJob'))).allowed).toEqual([]);
  });

  test('because its worker was silent has given the job to another one, and changes nothing any more', async () => {
    const silent = await leaseOne({ retry: { strategy: 'fixed', delay: 0 } });
    await withPostgres(cluster.databaseUrl, (client) =>
      client.query(`UPDATE jobs SET lease_until = now() WHERE id = $1`, [silent.job.id]),
    );
    const [second] = (await lease({ wait: { seconds: 20 } }, elsewhere)) as [Lease];
    expect(second.job).toMatchObject({ id: silent.job.id, attempt: 2 });
    const refused = await refusal(say(silent, 'CompleteJob'));
    expect([refused.code, refused.message]).toEqual([
      status.FAILED_PRECONDITION,
      expect.stringContaining('runs under another lease'),
    ]);
    expect(await say(second, 'CompleteJob')).toMatchObject({ state: 'JOB_STATE_SUCCEEDED' });
  });

  test('cannot be told from a token that was made up', async () => {
    const leased = await leaseOne();
    const [secret = '', ...rest] = leased.lease_token.split('.');
    const forged = [secret.split('').toReversed().join(''), ...rest].join('.');
    const refused = await refusal(say({ ...leased, lease_token: forged }, 'CompleteJob'));
    expect(refused.code).toBe(status.FAILED_PRECONDITION);
    expect(await say(leased, 'CompleteJob')).toMatchObject({ state: 'JOB_STATE_SUCCEEDED' });
  });
});

describe('workers that wait', () => {
  test('at whichever store get each job once, many at a time, and report them together', async () => {
    const waiting = [worker, elsewhere, worker, elsewhere].map((client) => lease({ max: 20 }, client));
    const jobs = await api.submitAll(Array.from({ length: 60 }, () => ({ type })));
    const leased = (await Promise.all(waiting)).flat();
    while (leased.length < jobs.length) leased.push(...(await lease({ max: 100 })));
    expect(leased.map(({ job }) => job.id).toSorted()).toEqual(jobs.map(({ id }) => id).toSorted());
    const reports = leased.flatMap((one) => [{ heartbeat: of(one) }, { complete: of(one) }]);
    const { results } = (await worker.call('ReportMany', { reports })) as { results: Message[] };
    expect(results.map(({ outcome }) => outcome)).toEqual(reports.map(() => 'accepted'));
    for (const { id } of jobs) expect(await api.get(id)).toMatchObject({ state: 'succeeded', attempt: 1 });
  });

  test('and leave give up their place: the next job is another worker’s first attempt', async () => {
    const gone = await refusal(
      worker.call('LeaseJobs', { types: [type], worker: 'gone', wait: { seconds: 30 } }, { deadlineMs: 300 }),
    );
    expect(gone.code).toBe(status.DEADLINE_EXCEEDED);
    const { id } = await api.submit({ type });
    const [leased] = (await lease()) as [Lease];
    expect(leased.job).toMatchObject({ id, attempt: 1 });
    expect(await api.get(id)).toMatchObject({ worker: 'go-1' });
  });

  test('get no more than a client takes in one message; the rest is for the next call', async () => {
    const jobs = await api.submitAll(
      Array.from({ length: 30 }, () => ({ type, payload: { text: 'x'.repeat(200_000) } })),
    );
    const seen: string[] = [];
    while (seen.length < jobs.length) {
      const leased = await lease({ max: 100 });
      expect(leased.length).toBeLessThan(21);
      for (const { job } of leased) expect(job['attempt']).toBe(1);
      seen.push(...leased.map(({ job }) => job.id));
    }
    expect(seen.toSorted()).toEqual(jobs.map(({ id }) => id).toSorted());
  });
});

test('reports are judged each by itself, and a refused one says why', async () => {
  const [a, b] = [await leaseOne(), await leaseOne()];
  const { results } = (await worker.call('ReportMany', {
    reports: [
      { complete: of(a) },
      { heartbeat: of(a) },
      { fail: { ...of(b), error, final: true } },
      { release: { ...of(b), lease_token: 'x' } },
      { snooze: { ...of(b), job_id: UNKNOWN_ID, delay: none } },
      {},
    ],
  })) as { results: { accepted?: Message; refused?: Message }[] };
  expect(results.map(({ accepted, refused }) => accepted?.['state'] ?? refused?.['code'])).toEqual([
    'JOB_STATE_SUCCEEDED',
    status.FAILED_PRECONDITION,
    'JOB_STATE_DEAD',
    status.INVALID_ARGUMENT,
    status.NOT_FOUND,
    status.INVALID_ARGUMENT,
  ]);
});

test('a type is announced with the schema that payloads must fit, and may be announced again', async () => {
  const fields = {
    type: { stringValue: 'object' },
    required: { listValue: { values: [{ stringValue: 'text' }] } },
  };
  const announced = [type, uniqueName('type')].map((name) =>
    worker.call('AnnounceType', { type: name, payload_schema: { fields } }),
  );
  expect(await Promise.all(announced)).toEqual([{ is_new: false }, { is_new: true }]);
  const { status: code, body } = await api.request<{ errors: { field: string }[] }>('POST', '/api/v1/jobs', {
    type,
  });
  expect([code, body.errors[0]?.field]).toEqual([422, 'payload.text']);
});

test.each<[string, string, Message, number, string]>([
  ['no type', 'LeaseJobs', { worker: 'w' }, status.INVALID_ARGUMENT, 'types'],
  ['no worker', 'LeaseJobs', { types: ['x'] }, status.INVALID_ARGUMENT, 'worker'],
  [
    'a type nobody announced',
    'LeaseJobs',
    { types: ['nobody'], worker: 'w' },
    status.INVALID_ARGUMENT,
    'types',
  ],
  ['a type of executors', 'LeaseJobs', { types: ['print'], worker: 'w' }, status.ALREADY_EXISTS, 'type'],
  [
    'too long a wait',
    'LeaseJobs',
    { types: ['x'], worker: 'w', wait: { seconds: 61 } },
    status.INVALID_ARGUMENT,
    'wait',
  ],
  ['too many jobs', 'LeaseJobs', { types: ['x'], worker: 'w', max: 101 }, status.INVALID_ARGUMENT, 'max'],
  ['a name that is none', 'AnnounceType', { type: 'a b' }, status.INVALID_ARGUMENT, 'type'],
  ['a type that executors run', 'AnnounceType', { type: 'command' }, status.ALREADY_EXISTS, 'type'],
  [
    'a token that is none',
    'Heartbeat',
    { job_id: UNKNOWN_ID, lease_token: 'x' },
    status.INVALID_ARGUMENT,
    'lease_token',
  ],
  [
    'an id that is none',
    'Heartbeat',
    { job_id: 'x', lease_token: `${'a'.repeat(32)}.1.1.30000` },
    status.INVALID_ARGUMENT,
    'job_id',
  ],
  [
    'no output',
    'AppendOutput',
    { job_id: UNKNOWN_ID, lease_token: `${'a'.repeat(32)}.1.1.30000` },
    status.INVALID_ARGUMENT,
    'output',
  ],
  [
    'no error',
    'FailJob',
    { job_id: UNKNOWN_ID, lease_token: `${'a'.repeat(32)}.1.1.30000` },
    status.INVALID_ARGUMENT,
    'error',
  ],
  ['no reports', 'ReportMany', {}, status.INVALID_ARGUMENT, 'reports'],
])('%s is refused, and the field named', async (_what, method, request, code, field) => {
  const refused = await refusal(worker.call(method, request));
  expect([refused.code, refused.violations.map((violation) => violation.field)]).toEqual([code, [field]]);
});
