/** triumvir.v1 as its users meet it: what is accepted, what is refused and why, and how the server comes and goes. */
import { readFile } from 'node:fs/promises';
import { status } from '@grpc/grpc-js';
import type { ServiceDefinition } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiClient } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import {
  GrpcClient,
  healthService,
  listedServices,
  ownProtos,
  refusal,
  type Message,
} from '../support/grpc-client.js';
import { launchService, waitUntilReady } from '#tools/services.js';
import { freePort } from '#tools/servers/server-process.js';
import { endAll } from '#tools/ending.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const SERVICE = ownProtos('triumvir/v1/jobs.proto')['triumvir.v1.JobService'] as ServiceDefinition;
/** Generous: other tests start processes at the same time. */
const READY_WITHIN_MS = 60_000;
const UNKNOWN_ID = '0198f2a4-0000-7000-8000-000000000000';

let cluster: Cluster;
let api: ApiClient;
let jobs: GrpcClient;

beforeAll(async () => {
  cluster = await startCluster();
  api = new ApiClient([cluster.url]);
  jobs = new GrpcClient(cluster.grpcAddress, SERVICE);
});

afterAll(async () => {
  jobs?.close();
  await cluster?.stop();
});

const text = (value: string): Message => ({ stringValue: value });
const command = (line: string, rest: Message = {}): Message => ({
  type: 'command',
  payload: { fields: { command: text(line) } },
  ...rest,
});

async function submit(job: Message, metadata: Record<string, string> = {}): Promise<Message> {
  return (await jobs.call('SubmitJob', { job }, { metadata }))['job'] as Message;
}

describe('a job', () => {
  test('is stored with every default filled in, and is the same job over REST', async () => {
    const job = await submit(command('true', { name: 'first' }));
    expect(job).toMatchObject({
      name: 'first',
      type: 'command',
      queue: 'default',
      state: 'JOB_STATE_SCHEDULED',
      priority: 5,
      max_attempts: 4,
      timeout: { seconds: 3600 },
      on_lost: 'ON_LOST_RETRY',
    });
    const rest = await api.waitFor(String(job['id']));
    expect(rest).toMatchObject({ id: job['id'], name: 'first', state: 'succeeded' });
    expect((job['created_at'] as { seconds: number }).seconds).toBe(
      Math.floor(Date.parse(rest.createdAt) / 1000),
    );
  });

  test('keeps every setting that it is given', async () => {
    const runAt = { seconds: 4_102_444_800, nanos: 5_000_000 };
    const given = command('true', {
      queue: 'own',
      priority: 0,
      max_attempts: 7,
      timeout: { seconds: 1, nanos: 500_000_000 },
      on_lost: 'ON_LOST_HOLD',
      retry: { list: { delays: [{ seconds: 1 }, { nanos: 250_000_000 }] } },
      run_at: runAt,
      unique_key: 'only one',
      unique_policy: 'UNIQUE_POLICY_RETURN_EXISTING',
    });
    const job = await submit(given);
    expect(job).toMatchObject({
      queue: 'own',
      priority: 0,
      max_attempts: 7,
      timeout: { seconds: 1, nanos: 500_000_000 },
      on_lost: 'ON_LOST_HOLD',
      retry: {
        strategy: 'list',
        list: {
          delays: [
            { seconds: 1, nanos: 0 },
            { seconds: 0, nanos: 250_000_000 },
          ],
        },
      },
      run_at: runAt,
      unique_key: 'only one',
    });
    const again = await jobs.call('SubmitJob', { job: given });
    expect([again['created'], (again['job'] as Message)['id']]).toEqual([false, job['id']]);
  });

  test('tells all of its attempts', async () => {
    const retry = { fixed: { delay: { nanos: 20_000_000 } } };
    const { id } = await submit(command('exit 7', { max_attempts: 2, retry }));
    await api.waitFor(String(id), ['dead']);
    const job = await jobs.call('GetJob', { id });
    expect(job).toMatchObject({
      state: 'JOB_STATE_DEAD',
      error: { name: 'CommandFailed', details: { fields: { exitCode: { numberValue: 7 } } } },
      attempts: [
        { attempt: 1, outcome: 'failed' },
        { attempt: 2, outcome: 'failed' },
      ],
    });
  });

  test('is watched from its first state to its last', async () => {
    const { id } = await submit(command('sleep 2'));
    const states: unknown[] = [];
    for await (const job of jobs.stream('WatchJob', { id })) states.push(job['state']);
    expect(states.slice(-2)).toEqual(['JOB_STATE_RUNNING', 'JOB_STATE_SUCCEEDED']);
    expect(new Set(states).size).toBe(states.length);
  });

  test('is watched through every step, however quick, by each of many', async () => {
    const path = '/api/v1/queues/watched';
    await api.request('PUT', path, {});
    expect((await api.request('POST', `${path}/pause`)).status).toBe(200);
    const { id } = await submit(
      command('exit 1', { queue: 'watched', max_attempts: 2, retry: { fixed: {} } }),
    );
    const watches = Array.from({ length: 20 }, () => jobs.stream('WatchJob', { id }));
    const firsts = await Promise.all(watches.map(async (watch) => (await watch.next()).value as Message));
    await api.request('POST', `${path}/resume`);
    const told = await Promise.all(
      watches.map(async (watch, n) => {
        const messages = [firsts[n] ?? {}];
        for await (const message of watch) messages.push(message);
        return messages.map(({ state, attempt }) => `${String(state)} ${String(attempt)}`);
      }),
    );
    for (const steps of told)
      expect(steps).toEqual([
        'JOB_STATE_SCHEDULED 0',
        'JOB_STATE_QUEUED 0',
        'JOB_STATE_RUNNING 1',
        'JOB_STATE_SCHEDULED 1',
        'JOB_STATE_QUEUED 1',
        'JOB_STATE_RUNNING 2',
        'JOB_STATE_DEAD 2',
      ]);
  });

  test('is cancelled, once', async () => {
    const { id } = await submit(command('true', { delay: { seconds: 3600 } }));
    expect(await jobs.call('CancelJob', { id })).toMatchObject({ state: 'JOB_STATE_CANCELLED' });
    const again = await refusal(jobs.call('CancelJob', { id }));
    expect([again.code, again.message]).toEqual([
      status.FAILED_PRECONDITION,
      expect.stringContaining('cancelled'),
    ]);
  });
});

describe('a repetition with the same idempotency-key', () => {
  test('leads to the same job, over REST too', async () => {
    const metadata = { 'idempotency-key': 'grpc-1' };
    const { id } = await submit(command('true'), metadata);
    const again = await jobs.call('SubmitJob', { job: command('true') }, { metadata });
    expect([again['created'], (again['job'] as Message)['id']]).toEqual([false, id]);
    const rest = await api.request<{ id: string }>(
      'POST',
      '/api/v1/jobs',
      { type: 'command', payload: { command: 'true' } },
      metadata,
    );
    expect([rest.status, rest.body.id]).toEqual([200, id]);
  });

  test('is refused when it is another request', async () => {
    const metadata = { 'idempotency-key': 'grpc-2' };
    await submit(command('true'), metadata);
    const failure = await refusal(submit(command('false'), metadata));
    expect(failure.code).toBe(status.INVALID_ARGUMENT);
    expect(failure.violations).toMatchObject([{ field: 'idempotency-key' }]);
  });
});

describe('a batch', () => {
  test('says of each job what became of it', async () => {
    const answer = await jobs.call('SubmitJobs', {
      jobs: [command('true'), { type: 'nope' }, command('true', { priority: 10 })],
    });
    expect(answer).toMatchObject({ created: 1, existing: 0, rejected: 2 });
    expect(answer['results']).toMatchObject([
      { outcome: 'accepted', accepted: { created: true, state: 'JOB_STATE_SCHEDULED' } },
      {
        outcome: 'refused',
        refused: { code: status.INVALID_ARGUMENT, message: expect.stringContaining('type') },
      },
      { outcome: 'refused', refused: { code: status.INVALID_ARGUMENT } },
    ]);
  });

  test('that is atomic stores nothing when one job is wrong', async () => {
    const before = (await api.all()).length;
    const failure = await refusal(
      jobs.call('SubmitJobs', {
        jobs: [command('true'), command('true', { max_attempts: 0 })],
        atomic: true,
      }),
    );
    expect(failure.code).toBe(status.INVALID_ARGUMENT);
    expect(failure.violations).toMatchObject([{ field: 'jobs.1.max_attempts' }]);
    expect((await api.all()).length).toBe(before);
  });

  test('may be larger than one job may be', async () => {
    const line = `: ${'x'.repeat(5000)}`;
    const answer = await jobs.call('SubmitJobs', {
      jobs: Array.from({ length: 100 }, () => command(line, { delay: { seconds: 3600 } })),
    });
    expect(answer['created']).toBe(100);
  });
});

describe('bad input is INVALID_ARGUMENT, names the field, and stores nothing:', () => {
  const NAN = { payload: { fields: { command: text('true'), x: { numberValue: Number.NaN } } } };
  test.each<[string, Message, string, string]>([
    ['no job', {}, 'type', 'required'],
    ['unknown type', { type: 'nope' }, 'type', 'command'],
    ['no payload', { type: 'command' }, 'payload.command', 'required'],
    [
      'unknown field of a payload',
      command('x', { payload: { fields: { commandLine: text('x') } } }),
      'payload.commandLine',
      'known',
    ],
    ['a number that is none', command('x', NAN), 'payload.x', 'finite'],
    ['priority out of range', command('x', { priority: -1 }), 'priority', '0'],
    ['too many attempts', command('x', { max_attempts: 101 }), 'max_attempts', '100'],
    ['a negative time-out', command('x', { timeout: { seconds: -1 } }), 'timeout', '1 ms'],
    ['a wait of half a millisecond', command('x', { delay: { nanos: 500_000 } }), 'delay', 'whole number'],
    ['a time beyond the calendar', command('x', { run_at: { seconds: 9e15 } }), 'run_at', 'ISO 8601'],
    ['two due times', command('x', { run_at: { seconds: 1 }, delay: { seconds: 1 } }), 'delay', 'runAt'],
    ['an enum that has no such number', command('x', { on_lost: 77 }), 'on_lost', 'retry, fail, hold'],
    ['a retry without a strategy', command('x', { retry: {} }), 'retry.strategy', ''],
    ['a bad queue', command('x', { queue: 'a:b' }), 'queue', ''],
    ['NUL in a text', command('a\0b'), 'payload.command', 'NUL'],
    [
      'a policy without a key',
      command('x', { unique_policy: 'UNIQUE_POLICY_REJECT' }),
      'unique_policy',
      'uniqueKey',
    ],
  ])('%s', async (_name, job, field, allowed) => {
    const before = (await api.all()).length;
    const failure = await refusal(submit(job));
    expect(failure.code).toBe(status.INVALID_ARGUMENT);
    expect(failure.violations).toContainEqual({ field, description: expect.stringContaining(allowed) });
    expect(failure.message).not.toBe('');
    expect((await api.all()).length).toBe(before);
  });

  test('an id that is none, and bytes that are no message', async () => {
    expect((await refusal(jobs.call('GetJob', { id: 'nonsense' }))).violations).toMatchObject([
      { field: 'id' },
    ]);
    const path = '/triumvir.v1.JobService/SubmitJob';
    expect(await jobs.codeOf(path, Buffer.from('ffffffff', 'hex'), false)).toBe(status.INVALID_ARGUMENT);
  });
});

test('what is not there is NOT_FOUND, and a taken unique key is ALREADY_EXISTS', async () => {
  for (const method of ['GetJob', 'CancelJob'])
    expect((await refusal(jobs.call(method, { id: UNKNOWN_ID }))).code).toBe(status.NOT_FOUND);
  expect((await refusal(jobs.stream('WatchJob', { id: UNKNOWN_ID }).next())).code).toBe(status.NOT_FOUND);

  const job = command('true', { unique_key: 'taken', delay: { seconds: 3600 } });
  await submit(job);
  const failure = await refusal(submit(job));
  expect(failure.code).toBe(status.ALREADY_EXISTS);
  expect(failure.violations).toMatchObject([{ field: 'unique_key' }]);
});

test('a message that is too large is RESOURCE_EXHAUSTED, whatever its method allows', async () => {
  expect((await refusal(submit(command('x'.repeat(300_000))))).code).toBe(status.RESOURCE_EXHAUSTED);
  const huge = Array.from({ length: 34 }, () => command('x'.repeat(1_000_000)));
  expect((await refusal(jobs.call('SubmitJobs', { jobs: huge }))).code).toBe(status.RESOURCE_EXHAUSTED);
});

test('a refusal of many fields fits into the metadata that any client takes', async () => {
  const fields = Object.fromEntries(
    Array.from({ length: 400 }, (_, index) => [`${'ü'.repeat(300)}${index}`, text('x')]),
  );
  const failure = await refusal(
    submit({ type: 'command', payload: { fields: { ...fields, command: text('x') } } }),
  );
  expect(failure.code).toBe(status.INVALID_ARGUMENT);
  expect(failure.violations.length).toBeGreaterThan(1);
});

test('a call ends at its deadline', async () => {
  const { id } = await submit(command('true', { delay: { seconds: 3600 } }));
  const watch = jobs.stream('WatchJob', { id }, { deadlineMs: 700 });
  expect((await watch.next()).value).toMatchObject({ id });
  expect((await refusal(watch.next())).code).toBe(status.DEADLINE_EXCEEDED);
});

describe('health and reflection', () => {
  test('say that every service works, and that an unknown one is none', async () => {
    const health = new GrpcClient(cluster.grpcAddress, healthService());
    for (const service of [
      '',
      'triumvir.v1.JobService',
      'triumvir.v1.WorkerService',
      'scheduler.JobService',
      'scheduler.TaskScheduler',
      'grpcapi.CoordinatorService',
    ])
      expect(await health.call('Check', { service })).toMatchObject({ status: 'SERVING' });
    expect((await refusal(health.call('Check', { service: 'nope' }))).code).toBe(status.NOT_FOUND);
    expect((await health.stream('Watch', { service: '' }).next()).value).toMatchObject({ status: 'SERVING' });
    health.close();
  });

  test('tell a client that has no .proto files what there is', async () => {
    const names = await listedServices(cluster.grpcAddress);
    expect(names.sort()).toEqual([
      'grpc.health.v1.Health',
      'grpcapi.CoordinatorService',
      'scheduler.JobService',
      'scheduler.TaskScheduler',
      'triumvir.v1.JobService',
      'triumvir.v1.WorkerService',
    ]);
  });
});

describe('a store of its own', () => {
  async function launch(env: Record<string, string>, grpcPort: number) {
    const [store] = cluster.of('store');
    return launchService({
      kind: 'store',
      id: 'store-of-its-own',
      port: await freePort(),
      grpcPort,
      env: { ...cluster.env, ...env },
      logFile: `${store?.logPath}.own`,
      detached: false,
    });
  }

  test('answers UNAVAILABLE with when to try again while Postgres is away, and works again when it is back', async () => {
    const url = new URL(cluster.databaseUrl);
    const proxy = await TcpProxy.to(Number(url.port));
    url.hostname = '127.0.0.1';
    url.port = String(proxy.port);
    const grpcPort = await freePort();
    const store = await launch({ DATABASE_URL: url.href }, grpcPort);
    await waitUntilReady([store], READY_WITHIN_MS);
    const client = new GrpcClient(`127.0.0.1:${grpcPort}`, SERVICE);
    proxy.refuse();
    const failure = await refusal(client.call('SubmitJob', { job: command('true') }));
    expect([failure.code, failure.retryAfterS]).toEqual([status.UNAVAILABLE, 1]);
    proxy.heal();
    await eventually(() => client.call('SubmitJob', { job: command('true') }));
    client.close();
    await endAll([store], 'SIGTERM', 5000);
    await proxy.close();
  });

  test('that stops ends its streams with UNAVAILABLE, and is gone at once with a clean end', async () => {
    const { id } = await submit(command('true', { delay: { seconds: 3600 } }));
    const grpcPort = await freePort();
    const store = await launch({}, grpcPort);
    await waitUntilReady([store], READY_WITHIN_MS);
    const client = new GrpcClient(`127.0.0.1:${grpcPort}`, SERVICE);
    const watch = client.stream('WatchJob', { id });
    await watch.next();
    const stoppedAt = Date.now();
    const [failure, killed] = await Promise.all([refusal(watch.next()), endAll([store], 'SIGTERM', 8000)]);
    expect([failure.code, killed]).toEqual([status.UNAVAILABLE, []]);
    expect(Date.now() - stoppedAt).toBeLessThan(4000);
    expect(await readFile(store.logFile, 'utf8')).not.toContain('cut off');
    client.close();
  });

  test('does not start when its gRPC port is taken, and says which setting is about it', async () => {
    const store = await launch({}, Number(cluster.grpcAddress.split(':')[1]));
    await expect(waitUntilReady([store], READY_WITHIN_MS)).rejects.toThrow('ended');
    const log = await readFile(store.logFile, 'utf8');
    expect(log).toContain(`gRPC cannot listen on ${cluster.grpcAddress}: the port is in use. SERVER_PORT`);
  });
});
