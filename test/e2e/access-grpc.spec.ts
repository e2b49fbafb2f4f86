/** API keys at the gRPC door: every method of every service, what it needs, and what its answers say. */
import { status as code } from '@grpc/grpc-js';
import type { ServiceDefinition } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Scope } from '#common/domain/access.js';
import { ApiClient } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { GrpcClient, healthService, listedServices, ownProtos } from '../support/grpc-client.js';
import { makeKey } from '../support/keys.js';

const ADMIN_KEY = 'the-key-of-these-tests-and-no-other';

const serviceIn = (file: string, name: string) => ownProtos(file)[name] as ServiceDefinition;
const SERVICE = serviceIn('triumvir/v1/jobs.proto', 'triumvir.v1.JobService');
const WORKERS = serviceIn('triumvir/v1/workers.proto', 'triumvir.v1.WorkerService');
const OTHERS = serviceIn('scheduler.proto', 'scheduler.JobService');
const TASKS = serviceIn('scheduler.proto', 'scheduler.TaskScheduler');
const COORDINATOR = serviceIn('grpcapi.proto', 'grpcapi.CoordinatorService');

/** Every method that the server has, beside health and reflection, and the scope that it needs. */
const NEEDED: readonly (readonly [ServiceDefinition, Readonly<Record<string, Scope>>])[] = [
  [
    SERVICE,
    { SubmitJob: 'submit', SubmitJobs: 'submit', GetJob: 'read', WatchJob: 'read', CancelJob: 'operate' },
  ],
  [
    WORKERS,
    {
      AnnounceType: 'operate',
      LeaseJobs: 'operate',
      Heartbeat: 'operate',
      AppendOutput: 'operate',
      CompleteJob: 'operate',
      FailJob: 'operate',
      SnoozeJob: 'operate',
      ReleaseJob: 'operate',
      ConfirmCancel: 'operate',
      ReportMany: 'operate',
    },
  ],
  [OTHERS, { SubmitJob: 'submit', GetJobStatus: 'read' }],
  [TASKS, { SubmitTask: 'submit', GetTaskStatus: 'read' }],
  [COORDINATOR, { SubmitTask: 'submit' }],
];
const METHODS = NEEDED.flatMap(([service, scopes]) =>
  Object.entries(service).map(([name, { path, responseStream }]) => ({
    path,
    isStream: responseStream,
    scope: scopes[name],
  })),
);

let cluster: Cluster;
let admin: ApiClient;
let jobs: GrpcClient;

beforeAll(async () => {
  cluster = await startCluster({ env: { STORE_BOOTSTRAP_KEY: ADMIN_KEY } });
  admin = new ApiClient([cluster.url], ADMIN_KEY);
  jobs = new GrpcClient(cluster.grpcAddress, SERVICE);
});
afterAll(async () => {
  jobs?.close();
  await cluster?.stop();
});

const as = (key: string) => ({ metadata: { authorization: `Bearer ${key}` } });
const keyFor = async (scopes: readonly Scope[], more: object = {}) =>
  (await makeKey(admin, scopes, more)).key;
const printJob = (queue: string) => ({
  job: {
    type: 'print',
    payload: { fields: { text: { stringValue: 'x' } } },
    queue,
    delay: { seconds: 3600 },
  },
});
const commandJob = { type: 'command', payload: { fields: { command: { stringValue: 'true' } } } };

describe('each method of each service', () => {
  test.each(METHODS)('$path needs $scope', async ({ path, isStream, scope }) => {
    expect(scope).toBeDefined();
    const nothing = new Uint8Array();
    expect(await jobs.codeOf(path, nothing, isStream)).toBe(code.UNAUTHENTICATED);
    expect(await jobs.codeOf(path, nothing, isStream, as('tv_made-up'))).toBe(code.UNAUTHENTICATED);
    const others = (['read', 'submit', 'operate'] as const).filter((other) => other !== scope);
    const wrong = await keyFor(others);
    expect(await jobs.codeOf(path, nothing, isStream, as(wrong))).toBe(code.PERMISSION_DENIED);
    const right = await keyFor(scope === 'submit' ? ['submit:command'] : scope === undefined ? [] : [scope]);
    const answered = await jobs.codeOf(path, nothing, isStream, as(right));
    expect([code.UNAUTHENTICATED, code.PERMISSION_DENIED]).not.toContain(answered);
  });

  test('is known to this test', async () => {
    const listed = await listedServices(cluster.grpcAddress, as(await keyFor(['read'])));
    const known = new Set(METHODS.map(({ path }) => path.split('/')[1]));
    expect(listed.filter((name) => !known.has(name) && !name.startsWith('grpc.'))).toEqual([]);
  });
});

test('health is open, reflection is not, and a method that there is not tells nothing', async () => {
  const health = new GrpcClient(cluster.grpcAddress, healthService());
  expect(await health.call('Check', {})).toMatchObject({ status: 'SERVING' });
  health.close();
  await expect(listedServices(cluster.grpcAddress)).rejects.toMatchObject({ code: code.UNAUTHENTICATED });
  const key = as(await keyFor(['submit']));
  await expect(listedServices(cluster.grpcAddress, key)).rejects.toMatchObject({
    code: code.PERMISSION_DENIED,
  });
  const unknown = await jobs.codeOf('/triumvir.v1.JobService/Nothing', new Uint8Array(), false);
  expect([code.UNIMPLEMENTED, code.PERMISSION_DENIED]).toContain(unknown);
});

test('a refusal names the queue, or the scope', async () => {
  const key = as(await keyFor(['submit'], { queues: ['team-a.*'] }));
  await jobs.call('SubmitJob', printJob('team-a.x'), key);
  await expect(jobs.call('SubmitJob', printJob('team-b'), key)).rejects.toMatchObject({
    code: code.PERMISSION_DENIED,
    message: expect.stringContaining('team-b') as string,
  });
  await expect(jobs.call('GetJob', { id: 'x' }, key)).rejects.toMatchObject({
    code: code.PERMISSION_DENIED,
    message: expect.stringContaining('read') as string,
  });
});

test('a job of a queue beyond the key is neither shown nor watched nor cancelled', async () => {
  const key = as(await keyFor(['read', 'operate'], { queues: ['team-a.*'] }));
  const { id } = await admin.submit({ type: 'print', payload: { text: 'x' }, delay: '1h', queue: 'team-b' });
  const ways = [
    () => jobs.call('GetJob', { id }, key),
    () => jobs.call('CancelJob', { id }, key),
    () => jobs.stream('WatchJob', { id }, key).next(),
  ];
  for (const way of ways) await expect(way()).rejects.toMatchObject({ code: code.PERMISSION_DENIED });
  expect((await admin.get(id)).state).toBe('scheduled');
});

test('commands need the scope for commands, whichever method they come by', async () => {
  const submitter = as(await keyFor(['submit']));
  const commander = as(await keyFor(['submit:command']));
  const clients = [OTHERS, TASKS, COORDINATOR].map((service) => new GrpcClient(cluster.grpcAddress, service));
  const [others, tasks, coordinator] = clients as [GrpcClient, GrpcClient, GrpcClient];
  const ways = [
    [jobs, 'SubmitJob', { job: commandJob }],
    [jobs, 'SubmitJobs', { jobs: [commandJob], atomic: true }],
    [others, 'SubmitJob', { id: 'own', command: 'true' }],
    [tasks, 'SubmitTask', { id: 'own', name: 'a', command: 'true' }],
    [coordinator, 'SubmitTask', { data: 'true' }],
  ] as const;
  for (const [client, method, request] of ways) {
    await expect(client.call(method, request, submitter)).rejects.toMatchObject({
      code: code.PERMISSION_DENIED,
      message: expect.stringContaining('submit:command') as string,
    });
    await client.call(method, request, commander);
  }
  for (const client of clients) client.close();
});

test('beyond its rate a key is told when to come back', async () => {
  const key = as(await keyFor(['submit'], { rate: '1/h' }));
  await jobs.call('SubmitJob', printJob('default'), key);
  await expect(jobs.call('SubmitJob', printJob('default'), key)).rejects.toMatchObject({
    code: code.RESOURCE_EXHAUSTED,
    retryAfterS: expect.toSatisfy((seconds: number) => seconds > 1000 && seconds <= 3600) as number,
  });
});

test('a watch ends with its key, and a cancel is written down', async () => {
  const { id: keyId, key } = await makeKey(admin, ['read', 'operate']);
  const waiting = { type: 'print', payload: { text: 'x' }, delay: '1h' };
  const { id } = await admin.submit(waiting);
  const watched: unknown[] = [];
  const watching = (async () => {
    for await (const message of jobs.stream('WatchJob', { id }, as(key))) watched.push(message);
  })().catch((error: unknown) => error);
  await eventually(() => watched.length > 0);
  const other = await admin.submit(waiting);
  await jobs.call('CancelJob', { id: other.id }, as(key));
  await admin.request('DELETE', `/api/v1/keys/${keyId}`);
  expect(await watching).toMatchObject({ code: code.UNAUTHENTICATED });
  await eventually(async () => {
    const { body } = await admin.request<{ entries: unknown[] }>('GET', `/api/v1/audit?key=${keyId}`);
    expect(body.entries).toMatchObject([
      { action: 'triumvir.v1.JobService/CancelJob', target: other.id, outcome: 'ok' },
    ]);
  });
});
