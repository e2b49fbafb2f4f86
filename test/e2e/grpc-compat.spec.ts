/** Clients that were compiled for two other schedulers, made here from .proto files of their own, against this one. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import type { ServiceDefinition } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiClient } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { testServers } from '../support/environment.js';
import { eventually } from '../support/eventually.js';
import { GrpcClient, GrpcFailure, protosOf } from '../support/grpc-client.js';

const SCHEDULER = protosOf(`
  syntax = "proto3";
  package scheduler;
  service JobService {
    rpc SubmitJob(Job) returns (JobResponse) {}
    rpc GetJobStatus(JobId) returns (JobStatus) {}
  }
  service TaskScheduler {
    rpc SubmitTask(Task) returns (TaskResponse) {}
    rpc GetTaskStatus(TaskId) returns (TaskStatus) {}
  }
  message Job { string id = 1; string command = 2; int64 created_at = 3; }
  message JobResponse { string job_id = 1; bool success = 2; string message = 3; }
  message JobId { string id = 1; }
  message JobStatus { string id = 1; string status = 2; string output = 3; int64 created_at = 4; int64 updated_at = 5; }
  message Task { string id = 1; string name = 2; string command = 3; int64 schedule_time = 4; }
  message TaskResponse { string task_id = 1; bool success = 2; string message = 3; }
  message TaskId { string id = 1; }
  message TaskStatus { string id = 1; string status = 2; string result = 3; }
`);

const GRPCAPI = protosOf(`
  syntax = "proto3";
  package grpcapi;
  service CoordinatorService { rpc SubmitTask(ClientTaskRequest) returns (ClientTaskResponse) {} }
  message ClientTaskRequest { string data = 1; }
  message ClientTaskResponse { string message = 2; string task_id = 3; }
`);

interface JobStatus {
  readonly id: string;
  readonly status: string;
  readonly output: string;
  readonly result: string;
  readonly created_at: number;
  readonly updated_at: number;
}

let cluster: Cluster;
let folder: string;
let api: ApiClient;
let jobs: GrpcClient;
let tasks: GrpcClient;
let coordinator: GrpcClient;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'triumvir-grpc-'));
  const { host, password } = new URL(testServers().redisUrl);
  cluster = await startCluster({
    stores: 2,
    // As a document writes them.
    rewriteUrl: (url) => {
      url.protocol = 'postgres:';
      url.searchParams.set('sslmode', 'disable');
    },
    env: { REDIS_ADDR: host, REDIS_PASSWORD: decodeURIComponent(password) },
    without: ['REDIS_URL'],
  });
  api = new ApiClient([cluster.url]);
  const [first = '', second = ''] = cluster.of('store').map(({ grpcAddress }) => grpcAddress);
  jobs = new GrpcClient(first, SCHEDULER['scheduler.JobService'] as ServiceDefinition);
  tasks = new GrpcClient(second, SCHEDULER['scheduler.TaskScheduler'] as ServiceDefinition);
  coordinator = new GrpcClient(first, GRPCAPI['grpcapi.CoordinatorService'] as ServiceDefinition);
});

afterAll(async () => {
  for (const client of [jobs, tasks, coordinator]) client?.close();
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function jobStatus(id: unknown): Promise<JobStatus> {
  return (await jobs.call('GetJobStatus', { id })) as unknown as JobStatus;
}

/** How the job ended, once it has. */
function ended(id: unknown): Promise<JobStatus> {
  return eventually(async () => {
    const answer = await jobStatus(id);
    expect(answer.status).toMatch(/SUCCEEDED|FAILED/);
    return answer;
  });
}

async function codeOf(call: Promise<unknown>): Promise<number> {
  const error = await call.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  return error instanceof GrpcFailure ? error.code : status.OK;
}

describe('scheduler.JobService', () => {
  test('runs any shell command and keeps both its streams', async () => {
    const before = Math.floor(Date.now() / 1000);
    const answer = await jobs.call('SubmitJob', { command: "echo 'Hello from Go client!'; echo oops >&2" });
    expect(answer).toMatchObject({ success: true, message: expect.stringContaining('submitted') });
    const job = await ended(answer['job_id']);
    expect(job).toMatchObject({
      id: answer['job_id'],
      status: 'SUCCEEDED',
      output: 'Hello from Go client!\noops\n',
    });
    expect(job.created_at).toBeGreaterThanOrEqual(before - 1);
    expect(job.updated_at).toBeGreaterThanOrEqual(job.created_at);
  });

  test('answers RUNNING while a job runs, and SUCCEEDED after that', async () => {
    const gate = join(folder, 'open');
    const { job_id: id } = await jobs.call('SubmitJob', {
      command: `until [ -e ${gate} ]; do sleep 0.05; done; echo done`,
    });
    expect((await jobStatus(id)).status).toMatch(/PENDING|RUNNING/);
    await eventually(async () => expect((await jobStatus(id)).status).toBe('RUNNING'));
    await writeFile(gate, '');
    expect(await ended(id)).toMatchObject({ status: 'SUCCEEDED', output: 'done\n' });
  });

  test('retries three times, and then the job is FAILED and in the dead-letter queue', async () => {
    const { job_id: id } = await jobs.call('SubmitJob', { command: 'echo "try $JOB_ATTEMPT"; exit 3' });
    expect(await ended(id)).toMatchObject({ status: 'FAILED', output: 'try 4\n' });
    const { body } = await api.request<{ jobs: { id: string }[] }>('GET', '/api/v1/dead-letters');
    expect(body.jobs.map((job) => job.id)).toContain(id);
  });

  test('finds a job by the id that its client has chosen, whichever store is asked, and makes no second one', async () => {
    const own = { id: 'my job № 1', command: 'echo mine' };
    const answer = await jobs.call('SubmitJob', own);
    expect(answer).toMatchObject({ job_id: own.id, success: true });
    expect(await ended(own.id)).toMatchObject({ id: own.id, status: 'SUCCEEDED', output: 'mine\n' });

    const elsewhere = new GrpcClient(cluster.of('store')[1]?.grpcAddress ?? '', jobs.service);
    expect(await elsewhere.call('GetJobStatus', { id: own.id })).toMatchObject({ status: 'SUCCEEDED' });
    expect(await elsewhere.call('SubmitJob', own)).toEqual(answer);
    expect(await codeOf(elsewhere.call('SubmitJob', { ...own, command: 'other' }))).toBe(
      status.ALREADY_EXISTS,
    );
    elsewhere.close();
  });

  test('refuses what makes no sense, with a status that says so', async () => {
    expect(await codeOf(jobs.call('SubmitJob', { command: '  ' }))).toBe(status.INVALID_ARGUMENT);
    expect(await codeOf(jobs.call('SubmitJob', { command: 'x\0' }))).toBe(status.INVALID_ARGUMENT);
    expect(await codeOf(jobs.call('GetJobStatus', { id: '' }))).toBe(status.INVALID_ARGUMENT);
    expect(await codeOf(jobs.call('GetJobStatus', { id: 'nobody' }))).toBe(status.NOT_FOUND);
  });
});

describe('scheduler.TaskScheduler', () => {
  const inStatus = (id: unknown, wanted: string) =>
    eventually(async () => {
      const answer = await tasks.call('GetTaskStatus', { id });
      return answer['status'] === wanted ? answer : false;
    });
  const ending = (id: unknown) => inStatus(id, 'SUCCEEDED');

  test('runs a task whose time has passed at once, and a later one later', async () => {
    const now = Math.floor(Date.now() / 1000);
    const past = await tasks.call('SubmitTask', { name: 'past', command: 'echo 1', schedule_time: now - 60 });
    const later = await tasks.call('SubmitTask', {
      name: 'later',
      command: 'echo 2',
      schedule_time: now + 5,
    });
    const pending = await tasks.call('GetTaskStatus', { id: later['task_id'] });
    expect(pending).toMatchObject({ status: 'PENDING', result: '' });
    expect([past['success'], later['success']]).toEqual([true, true]);
    expect(await ending(past['task_id'])).toMatchObject({ id: past['task_id'], result: '1\n' });
    await ending(later['task_id']);
    const job = await api.get(String(later['task_id']));
    expect([job.name, Date.parse(job.startedAt ?? '')]).toEqual(['later', expect.any(Number)]);
    expect(Date.parse(job.startedAt ?? '')).toBeGreaterThanOrEqual((now + 5) * 1000);
  });

  test('answers RUNNING while a task runs, and SUCCEEDED after that', async () => {
    const gate = join(folder, 'open for tasks');
    const { task_id: id } = await tasks.call('SubmitTask', {
      name: 'long',
      command: `until [ -e '${gate}' ]; do sleep 0.05; done; echo done`,
    });
    expect(await inStatus(id, 'RUNNING')).toMatchObject({ id });
    await writeFile(gate, '');
    expect(await ending(id)).toMatchObject({ id, result: 'done\n' });
  });

  test('retries three times, and then the task is FAILED and in the dead-letter queue', async () => {
    const { task_id: id } = await tasks.call('SubmitTask', {
      name: 'hopeless',
      command: 'echo "try $JOB_ATTEMPT"; exit 3',
    });
    expect(await inStatus(id, 'FAILED')).toMatchObject({ id, result: 'try 4\n' });
    const { body } = await api.request<{ jobs: { id: string }[] }>('GET', '/api/v1/dead-letters');
    expect(body.jobs.map((job) => job.id)).toContain(id);
  });

  test('makes no second task of the id that its client has chosen, and no other one', async () => {
    const own = { id: 'my task', name: 'own', command: 'echo mine' };
    const answer = await tasks.call('SubmitTask', own);
    expect(answer).toMatchObject({ task_id: own.id, success: true });
    expect(await ending(own.id)).toMatchObject({ id: own.id, result: 'mine\n' });
    expect(await tasks.call('SubmitTask', own)).toEqual(answer);
    expect(await codeOf(tasks.call('SubmitTask', { ...own, command: 'other' }))).toBe(status.ALREADY_EXISTS);
  });

  test('has ids of its own, apart from those of jobs', async () => {
    await jobs.call('SubmitJob', { id: 'same', command: 'echo job' });
    await tasks.call('SubmitTask', { id: 'same', command: 'echo task' });
    expect(await ending('same')).toMatchObject({ id: 'same', result: 'task\n' });
    expect(await ended('same')).toMatchObject({ id: 'same', output: 'job\n' });
  });

  test('names the field that is wrong in its own words', async () => {
    const failure = await tasks
      .call('SubmitTask', { command: 'x', schedule_time: 9e15 })
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: status.INVALID_ARGUMENT,
      violations: [{ field: 'schedule_time' }],
    });
  });
});

test('grpcapi.CoordinatorService takes a task, which is then known over HTTP by its id', async () => {
  const answer = await coordinator.call('SubmitTask', { data: 'echo from the coordinator' });
  expect(answer).toEqual({ message: 'Task submitted successfully', task_id: expect.any(String) });
  expect(await api.waitFor(String(answer['task_id']))).toMatchObject({ state: 'succeeded' });
  expect(await codeOf(coordinator.call('SubmitTask', {}))).toBe(status.INVALID_ARGUMENT);
});
