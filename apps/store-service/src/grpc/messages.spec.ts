/** The .proto files and the domain, side by side: what one has the other has, and every message can be encoded. */
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';
import { describe, expect, test } from 'vitest';
import { JOB_STATES, ON_LOST, type Job, type Json } from '#common/domain/job.js';
import { loadProtos } from '#common/grpc/protos.js';
import { createJobSchema } from '../jobs/job.schemas.js';
import {
  announcedTypeSchema,
  LEASE_ACTIONS,
  leaseActionSchemas,
  leaseRequestSchema,
  type LeaseActionName,
} from '../workers/lease.schemas.js';
import { heartbeatSchema } from '../workers/lease.views.js';
import { jobMessage, jobMessageWithAttempts } from './job-message.js';
import { bodyOf } from './new-job.js';
import { isoOf, millisecondsOf, secondsOf } from './time.js';

const PROTOS = loadProtos('triumvir/v1/workers.proto');
const message = (name: string) => PROTOS[`triumvir.v1.${name}`] as MessageTypeDefinition<object, object>;
const namesIn = (name: string) =>
  (message(name).type as { field: { name: string }[] }).field.map((field) => field.name);
const MESSAGE_OF_ACTION: Readonly<Record<LeaseActionName, string>> = {
  heartbeat: 'HeartbeatRequest',
  output: 'AppendOutputRequest',
  complete: 'CompleteJobRequest',
  fail: 'FailJobRequest',
  snooze: 'SnoozeJobRequest',
  release: 'ReleaseJobRequest',
  cancelled: 'ConfirmCancelRequest',
};
const enumNames = (name: string) => {
  const { type } = PROTOS[`triumvir.v1.${name}`] as EnumTypeDefinition;
  return (type as { value: { name: string }[] }).value.map((value) => value.name);
};

const job: Job = {
  id: '0198f2a4-0000-7000-8000-000000000000',
  name: null,
  type: 'command',
  queue: 'default',
  payload: { command: 'true' },
  priority: 5,
  maxAttempts: 4,
  timeoutMs: 1500,
  retry: { strategy: 'exponential', baseMs: 1, factor: 2, maxMs: 3, jitter: 0 },
  onLost: 'retry',
  uniqueKey: null,
  runAt: new Date(1),
  createdAt: new Date(2),
  state: 'running',
  delivery: 1,
  attempt: 1,
  queuedAt: null,
  startedAt: new Date(3),
  finishedAt: null,
  executorId: null,
  cancelRequestedAt: null,
  result: null,
  error: null,
  workflowId: null,
  waitsFor: null,
  worker: null,
  concurrencyKey: null,
  fairnessKey: null,
  expiresAt: null,
  tags: [],
  createdBy: null,
};

const throughTheWire = (given: object) => message('Job').deserialize(message('Job').serialize(given));

describe('the .proto files', () => {
  test('have every field that REST takes for a new job', () => {
    expect(namesIn('NewJob').sort()).toEqual(Object.keys(createJobSchema.shape).sort());
  });

  test.each(Object.entries(MESSAGE_OF_ACTION))(
    'have every field that REST takes from a worker: %s is %s',
    (action, name) => {
      const { shape } = leaseActionSchemas[action as LeaseActionName];
      expect(namesIn(name).sort()).toEqual(['jobId', ...Object.keys(shape)].sort());
    },
  );

  test('have every field of a request for leases, and every action in a report', () => {
    expect(namesIn('LeaseJobsRequest').sort()).toEqual(Object.keys(leaseRequestSchema.shape).sort());
    expect(namesIn('Report')).toEqual(LEASE_ACTIONS);
    expect(namesIn('AnnounceTypeRequest')).toEqual(['type', ...Object.keys(announcedTypeSchema.shape)]);
    expect(namesIn('LeaseAnswer').sort()).toEqual(Object.keys(heartbeatSchema.shape).sort());
  });

  test('have a name for every state and every policy', () => {
    expect(enumNames('JobState')).toEqual(
      expect.arrayContaining(JOB_STATES.map((state) => `JOB_STATE_${state.toUpperCase()}`)),
    );
    expect(enumNames('OnLost')).toEqual(
      expect.arrayContaining(ON_LOST.map((word) => `ON_LOST_${word.toUpperCase()}`)),
    );
  });
});

describe('a job as a message', () => {
  test('says what it is', () => {
    expect(throughTheWire(jobMessageWithAttempts(job, []))).toMatchObject({
      state: 'JOB_STATE_RUNNING',
      timeout: { seconds: 1, nanos: 500_000_000 },
      payload: { structValue: { fields: { command: { stringValue: 'true' } } } },
      attempts: [{ attempt: 1, outcome: 'running' }],
    });
  });

  test('leaves out, and names, what is nested deeper than a message may be', () => {
    let deep: Json = 1;
    for (let level = 0; level < 60; level += 1) deep = { in: deep };
    const told = throughTheWire(jobMessage({ ...job, payload: deep, result: deep }));
    expect(told).toMatchObject({ omitted: ['payload', 'result'] });
    expect(told).not.toHaveProperty('payload');
  });
});

describe('a new job as a message', () => {
  test('becomes what REST takes, with nothing that was not given', () => {
    expect(bodyOf({ type: 'print' })).toEqual({ type: 'print' });
    expect(bodyOf({ onLost: 'ON_LOST_UNSPECIFIED', uniquePolicy: 'UNIQUE_POLICY_RETURN_EXISTING' })).toEqual({
      uniquePolicy: 'return-existing',
    });
    expect(bodyOf({ retry: { exponential: { base: { seconds: 1 }, factor: 3 } } })).toEqual({
      retry: { strategy: 'exponential', base: 1000, factor: 3 },
    });
    expect(bodyOf({ retry: { none: {} } })).toEqual({ retry: { strategy: 'none' } });
  });
});

describe('times', () => {
  test('keep their milliseconds, before 1970 too', () => {
    for (const ms of [0, 1, -1, 1500, -1500, 4_102_444_800_123])
      expect(millisecondsOf(secondsOf(ms))).toBe(ms);
    expect(isoOf({ seconds: 1, nanos: 999_999_999 })).toBe('1970-01-01T00:00:01.999Z');
  });
});
