import {
  NotFoundException,
  PayloadTooLargeException,
  UnsupportedMediaTypeException,
  type ArgumentsHost,
} from '@nestjs/common';
import { expect, test, vi } from 'vitest';
import { DatabaseUnavailableError } from '#common/database/database-errors.js';
import type { Logger } from '#common/logging/logger.js';
import { Problem, type ProblemDocument } from './problem.js';
import { ProblemFilter } from './problem.filter.js';

function answerTo(error: unknown) {
  const logged: unknown[] = [];
  const log = {
    error: (...line: unknown[]) => logged.push(line),
    debug: vi.fn<() => void>(),
  } as unknown as Logger;
  const headers: Record<string, unknown> = {};
  let status = 0;
  let body = '';
  const reply = {
    status: (code: number) => {
      status = code;
      return reply;
    },
    header: (name: string, value: unknown) => {
      headers[name] = value;
      return reply;
    },
    removeHeader: (name: string) => {
      delete headers[name];
      return reply;
    },
    send: (text: string) => {
      body = text;
      return reply;
    },
  };
  const host = {
    switchToHttp: () => ({
      getRequest: () => ({ method: 'GET', url: '/api/v1/jobs?limit=1' }),
      getResponse: () => reply,
    }),
  } as unknown as ArgumentsHost;
  new ProblemFilter(log).catch(error, host);
  return { status, headers, logged, document: JSON.parse(body) as ProblemDocument };
}

test('a problem becomes its document', () => {
  const { status, headers, document } = answerTo(
    new Problem('validation-failed', 'type: is required', [{ field: 'type', message: 'is required' }]),
  );
  expect(status).toBe(422);
  expect(headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(document).toEqual({
    type: 'urn:triumvir:problem:validation-failed',
    title: 'The request holds values that are not allowed',
    status: 422,
    detail: 'type: is required',
    instance: '/api/v1/jobs?limit=1',
    errors: [{ field: 'type', message: 'is required' }],
  });
});

test('a database that is away is no error of ours: 503, and when to try again', () => {
  const { status, headers, logged } = answerTo(new DatabaseUnavailableError(new Error('refused')));
  expect(status).toBe(503);
  expect(headers['retry-after']).toBe(1);
  expect(logged).toEqual([]);
});

test.each([
  ['timeout exceeded when trying to connect', 'did not answer in time'],
  ['connect ECONNREFUSED 127.0.0.1:5432', 'cannot be reached'],
])('a 503 tells a database that is busy from one that is away (%s)', (cause, told) => {
  expect(answerTo(new DatabaseUnavailableError(new Error(cause))).document.detail).toContain(told);
});

test.each([
  [new NotFoundException('Cannot GET /x'), 404],
  [new PayloadTooLargeException(), 413],
  [new UnsupportedMediaTypeException(), 415],
  [Object.assign(new Error('bad JSON'), { statusCode: 400 }), 400],
  [Object.assign(new Error('teapot'), { statusCode: 418 }), 400],
])("what Nest and Fastify refuse stays the client's mistake (%s)", (error, expected) => {
  const { status, document, logged } = answerTo(error);
  expect(status).toBe(expected);
  expect(document.status).toBe(expected);
  expect(logged).toEqual([]);
});

test.each([new TypeError('secret detail'), 'secret detail', undefined, null])(
  'an error of ours is a 500 that tells nothing, logged once (%s)',
  (error) => {
    const { status, document, logged } = answerTo(error);
    expect(status).toBe(500);
    expect(JSON.stringify(document)).not.toContain('secret detail');
    expect(logged).toHaveLength(1);
  },
);
