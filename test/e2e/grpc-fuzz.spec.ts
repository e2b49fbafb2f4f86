/**
 * Random calls of every method, made from the .proto files with a fixed seed: whatever comes in, no answer is INTERNAL,
 * UNKNOWN or UNAVAILABLE, the store lives on and does not grow, and every job that it took can be read through both doors.
 * FUZZ_REQUESTS says how many (50000 is the full size), FUZZ_SEED which.
 */
import { status } from '@grpc/grpc-js';
import type { ServiceDefinition } from '@grpc/proto-loader';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiClient } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import {
  fuzz,
  FUZZ_SETTINGS,
  MOST_GROWTH_MB,
  MOST_TRIED_AGAIN,
  Patience,
  REQUESTS,
  storeLog,
  tell,
} from '../support/fuzzing.js';
import {
  GrpcClient,
  healthService,
  ownProtos,
  type CallSettings,
  type Message,
} from '../support/grpc-client.js';
import { filled, messageArbitrary } from '../support/proto-arbitrary.js';
import { WORKER_TYPE } from '../support/request-arbitrary.js';
import { Pool } from '../support/schema-arbitrary.js';

const SERVICES = [
  'triumvir.v1.JobService',
  'triumvir.v1.WorkerService',
  'scheduler.JobService',
  'scheduler.TaskScheduler',
  'grpcapi.CoordinatorService',
];
/** Number, as a client gets it. */
const TRY_AGAIN: number = status.UNAVAILABLE;
const FAULTS = new Set<number>([status.INTERNAL, status.UNKNOWN, status.UNAVAILABLE, status.DATA_LOSS]);
/** Faults after which no more are looked for. */
const ENOUGH = 20;

const protos = ownProtos(
  'triumvir/v1/jobs.proto',
  'triumvir/v1/workers.proto',
  'scheduler.proto',
  'grpcapi.proto',
);
const methods = [...SERVICES.map((name) => protos[name] as ServiceDefinition), healthService()].flatMap(
  (service) => Object.values(service),
);

const pool = new Pool();
let cluster: Cluster;
let api: ApiClient;

beforeAll(async () => {
  // Random texts become commands, in queues that are not drained.
  cluster = await startCluster({ env: FUZZ_SETTINGS });
  api = new ApiClient([cluster.url]);
  await api.request('PUT', `/api/v1/types/${WORKER_TYPE}`, {});
});

afterAll(() => cluster?.stop());

interface FuzzedCall {
  readonly method: ServiceDefinition[string];
  /** A message, or bytes that are to be one. */
  readonly request: object;
  readonly key: string | undefined;
}

const keys = fc.constantFrom(undefined, undefined, undefined, 'k1', 'k2', 'with blank', 'x'.repeat(300), ' ');

function callsOf(method: ServiceDefinition[string]): fc.Arbitrary<FuzzedCall> {
  const message = messageArbitrary(protos, method.requestType);
  const broken = fc
    .tuple(message, fc.nat(), fc.nat(255))
    .map(([whole, at, value]) =>
      Uint8Array.from(method.requestSerialize(whole)).map((byte, index, { length }) =>
        index === at % length ? value : byte,
      ),
    );
  const request = fc.oneof<fc.MaybeWeightedArbitrary<object>[]>(
    { weight: 8, arbitrary: message },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }) },
    { weight: 1, arbitrary: broken },
  );
  return fc.record({ method: fc.constant(method), request, key: keys });
}

/** Most calls are submissions, or about leases: they have the most to get wrong. */
const weightOf = (path: string) => (/Submit/.test(path) ? 4 : /WorkerService/.test(path) ? 2 : 1);
const calls = fc.oneof(
  ...methods.map((method) => ({ weight: weightOf(method.path), arbitrary: callsOf(method) })),
);

function learn(answer: Message): void {
  pool.learn(answer, { id: 'id', job_id: 'id' });
  for (const { lease_token: token, job } of (answer['leases'] ?? []) as {
    lease_token: string;
    job: { id: string };
  }[]) {
    pool.add('leased', job.id);
    pool.add('token', token);
  }
}

/** Makes the call, and remembers what it answers. @returns the status code */
async function make({ method, request, key }: FuzzedCall, client: GrpcClient): Promise<number> {
  const settings: CallSettings = {
    ...(key !== undefined && { metadata: { 'idempotency-key': key } }),
    // A watch of what does not end would go on for ever.
    deadlineMs: method.responseStream ? 300 : 60_000,
  };
  if (request instanceof Uint8Array)
    return client.codeOf(method.path, request, method.responseStream, settings);
  const { code, answers } = await client.attempt(method, filled(request, pool) as object, settings);
  for (const answer of answers) learn(answer);
  return code;
}

test('random calls meet no status that means a fault of the store, which lives on', async () => {
  const client = new GrpcClient(cluster.grpcAddress, {});
  const failed: { code: number; path: string; request: object }[] = [];
  const counts = new Map<number, number>();
  const patience = new Patience();
  const { middleMb, lastMb } = await fuzz(calls, cluster, async (call) => {
    if (failed.length >= ENOUGH) return;
    const code = await patience.make(
      () => make(call, client),
      (answered) => answered === TRY_AGAIN,
    );
    counts.set(code, (counts.get(code) ?? 0) + 1);
    if (FAULTS.has(code)) failed.push({ code, path: call.method.path, request: call.request });
  });
  client.close();
  tell({ middleMb, lastMb, triedAgain: patience.triedAgain });
  expect(failed.slice(0, 5)).toEqual([]);
  for (const code of [status.OK, status.INVALID_ARGUMENT, status.NOT_FOUND, status.FAILED_PRECONDITION])
    expect([code, (counts.get(code) ?? 0) > REQUESTS / 200]).toEqual([code, true]);
  expect(lastMb - middleMb).toBeLessThan(MOST_GROWTH_MB);
  expect(patience.triedAgain).toBeLessThanOrEqual(MOST_TRIED_AGAIN);
  expect(await storeLog(cluster)).not.toMatch(/unhandled|uncaught|call failed/);
}, 3_600_000);

test('every job that was taken can be read through both doors', async () => {
  const jobs = new GrpcClient(cluster.grpcAddress, protos['triumvir.v1.JobService'] as ServiceDefinition);
  const stored = await api.all();
  expect(stored.length).toBeGreaterThan(REQUESTS / 100);
  for (const { id } of stored.slice(0, 500)) {
    expect(await jobs.call('GetJob', { id })).toMatchObject({ id });
    expect(await api.get(id)).toMatchObject({ id });
  }
  jobs.close();
  const health = new GrpcClient(cluster.grpcAddress, healthService());
  expect(await health.call('Check', {})).toHaveProperty('status');
  health.close();
});
