import { status } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { Problem } from '../http/problem.js';
import { grpcStatus } from './status.js';

const tooManyBytes = 8 * 1024;

describe('a problem as a status', () => {
  test('of a taken key says that the thing exists; any other conflict is about its state', () => {
    const taken = new Problem('conflict', 'taken', [{ field: 'uniqueKey', message: 'is taken' }]);
    expect(grpcStatus(taken).code).toBe(status.ALREADY_EXISTS);
    expect(grpcStatus(new Problem('conflict', 'finished')).code).toBe(status.FAILED_PRECONDITION);
  });

  test('of a state that does not allow something says which states can follow', () => {
    const illegal = new Problem('conflict', 'over', [
      { field: 'state', message: 'is scheduled; only queued can follow', allowed: ['queued'] },
    ]);
    const { code, metadata } = grpcStatus(illegal);
    expect(code).toBe(status.FAILED_PRECONDITION);
    const text = String(metadata.get('grpc-status-details-bin')[0]);
    for (const told of ['PreconditionFailure', 'only queued can follow', 'ErrorInfo', 'ILLEGAL_TRANSITION'])
      expect(text).toContain(told);
  });

  test('names fields as the .proto files do, except inside a payload', () => {
    const errors = [
      'maxAttempts',
      'jobs.3.runAt',
      'payload.commandLine',
      'jobs.0.payload.commandLine',
      'retry.list',
    ].map((field) => ({ field, message: 'is wrong' }));
    const [bytes] = grpcStatus(new Problem('validation-failed', 'x', errors)).metadata.get(
      'grpc-status-details-bin',
    );
    const text = bytes?.toString() ?? '';
    for (const name of ['max_attempts', 'jobs.3.run_at', 'payload.commandLine', 'jobs.0.payload.commandLine'])
      expect(text).toContain(name);
  });

  test('stays within what any client takes, and is valid Unicode wherever it was cut', () => {
    for (const start of ['', 'x']) {
      const long = start + '😀'.repeat(5000);
      const errors = Array.from({ length: 50 }, () => ({ field: `payload.${long}`, message: long }));
      const { details, metadata } = grpcStatus(new Problem('validation-failed', long, errors));
      const bytes = metadata.get('grpc-status-details-bin')[0];
      expect(details.isWellFormed()).toBe(true);
      expect(encodeURI(details).length + (bytes?.length ?? 0) * (4 / 3)).toBeLessThan(tooManyBytes);
    }
  });

  test('has no details when there are none to tell', () => {
    expect(grpcStatus(new Problem('not-found', 'gone')).metadata.getMap()).toEqual({});
  });
});
