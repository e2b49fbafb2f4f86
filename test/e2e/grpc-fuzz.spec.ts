/**
 * Random calls of every method, made from the .proto files with a fixed seed: whatever comes in, no answer is INTERNAL,
 * UNKNOWN or UNAVAILABLE, the store lives on, and every job that it took can be read through both doors.
 * GRPC_FUZZ_REQUESTS says how many (3,000 unless set).
 */
import { readFile } from 'node:fs/promises';
import { status } from '@grpc/grpc-js';
import type { ServiceDefinition } from '@grpc/proto-loader';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiClient } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { GrpcClient, healthService, ownProtos } from '../support/grpc-client.js';
import { messageArbitrary } from '../support/proto-arbitrary.js';

const REQUESTS = Number(process.env['GRPC_FUZZ_REQUESTS'] ?? 3000);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const AT_ONCE = 32;
const SERVICES = [
  'triumvir.v1.JobService',
  'scheduler.JobService',
  'scheduler.TaskScheduler',
  'grpcapi.CoordinatorService',
];

const protos = ownProtos('triumvir/v1/jobs.proto', 'scheduler.proto', 'grpcapi.proto');
const methods = [...SERVICES.map((name) => protos[name] as ServiceDefinition), healthService()].flatMap(
  (service) => Object.values(service),
);

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
  // Random texts become commands: they must not run. The store knows the job types already.
  await Promise.all(
    [...cluster.of('executor'), ...cluster.of('scheduler')].map((service) => service.terminate()),
  );
});

afterAll(() => cluster?.stop());

interface FuzzedCall {
  readonly path: string;
  readonly isStream: boolean;
  readonly bytes: Uint8Array;
  readonly key: string | undefined;
}

const keys = fc.constantFrom(undefined, undefined, undefined, 'k1', 'k2', 'with blank', 'x'.repeat(300), ' ');

function callOf(method: ServiceDefinition[string]): fc.Arbitrary<FuzzedCall> {
  const message = messageArbitrary(protos, method.requestType).map((value) =>
    Uint8Array.from(method.requestSerialize(value)),
  );
  const bytes = fc.oneof(
    { weight: 8, arbitrary: message },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(message, fc.nat(), fc.nat(255))
        .map(([whole, at, value]) =>
          whole.map((byte, index) => (index === at % whole.length ? value : byte)),
        ),
    },
  );
  return fc
    .tuple(bytes, keys)
    .map(([bytes, key]) => ({ path: method.path, isStream: method.responseStream, bytes, key }));
}

/** Half of the calls are submissions: they have the most to get wrong. */
const calls = fc.oneof(
  ...methods.map((method) => ({ weight: /Submit/.test(method.path) ? 4 : 1, arbitrary: callOf(method) })),
);

test('random calls meet no status that means a fault of the store, which lives on', async () => {
  const client = new GrpcClient(cluster.grpcAddress, {});
  const faults = new Set([status.INTERNAL, status.UNKNOWN, status.UNAVAILABLE, status.DATA_LOSS]);
  const failed: { code: number; call: FuzzedCall }[] = [];
  const counts = new Map<number, number>();
  const sample = fc.sample(calls, { numRuns: REQUESTS, seed: SEED });
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let call = sample[next++]; call !== undefined; call = sample[next++]) {
        const metadata = call.key === undefined ? {} : { 'idempotency-key': call.key };
        // A watch of what does not end would go on for ever.
        const deadlineMs = call.isStream ? 300 : 30_000;
        const code = await client.codeOf(call.path, call.bytes, call.isStream, { metadata, deadlineMs });
        counts.set(code, (counts.get(code) ?? 0) + 1);
        if (faults.has(code)) failed.push({ code, call });
      }
    }),
  );
  expect(failed.slice(0, 5)).toEqual([]);
  expect(counts.get(status.OK)).toBeGreaterThan(REQUESTS / 50);
  expect(counts.get(status.INVALID_ARGUMENT)).toBeGreaterThan(REQUESTS / 10);

  const jobs = new GrpcClient(cluster.grpcAddress, protos['triumvir.v1.JobService'] as ServiceDefinition);
  const stored = await new ApiClient([cluster.url]).all();
  for (const { id } of stored.slice(0, 500)) expect(await jobs.call('GetJob', { id })).toMatchObject({ id });
  const health = new GrpcClient(cluster.grpcAddress, healthService());
  expect(await health.call('Check', {})).toMatchObject({ status: 'SERVING' });
  const log = await readFile(cluster.of('store')[0]?.logPath ?? '', 'utf8');
  expect(log).not.toMatch(/unhandled|uncaught|call failed/);
  for (const one of [client, jobs, health]) one.close();
}, 1_200_000);
