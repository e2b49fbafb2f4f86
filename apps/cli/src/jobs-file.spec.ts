import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from './exit-codes.js';
import { parseJobsFile } from './jobs-file.js';

const parse = (content: unknown) => parseJobsFile(JSON.stringify(content), 'jobs.json');

function faultsOf(content: unknown): string[] {
  try {
    parse(content);
  } catch (error) {
    if (error instanceof UsageError) return error.message.split('\n');
    throw error;
  }
  throw new Error('the file was accepted');
}

/** What was thrown and is no usage error, or undefined. */
function strangeErrorOf(content: unknown): unknown {
  try {
    parse(content);
    return undefined;
  } catch (error) {
    return error instanceof UsageError ? undefined : error;
  }
}

describe('parseJobsFile', () => {
  it('makes a command job of a name, a command and a description', () => {
    expect(parse({ jobs: [{ name: 'greet', command: 'echo hi', description: 'says hello' }] })).toEqual([
      { name: 'greet', type: 'command', payload: { command: 'echo hi' } },
    ]);
  });

  it('keeps every setting of a job of any type', () => {
    const job = {
      type: 'print',
      payload: { message: 'x' },
      queue: 'slow',
      delay: '3s',
      priority: 0,
      maxAttempts: 2,
      timeout: 500,
      retry: { strategy: 'exponential', base: '1s', factor: 2, max: '1h', jitter: 0.1 },
    };
    expect(parse({ jobs: [job] })).toEqual([job]);
  });

  it('keeps the order of the file and passes over other fields beside the jobs', () => {
    const names = parse({
      version: 1,
      jobs: [
        { name: 'b', command: 'true' },
        { name: 'a', command: 'true' },
      ],
    }).map(({ name }) => name);
    expect(names).toEqual(['b', 'a']);
  });

  it('reads a file that begins with a byte order mark', () => {
    expect(parseJobsFile('\uFEFF{"jobs":[{"command":"true"}]}', 'jobs.json')).toHaveLength(1);
  });

  it('names the entry and the field of every fault of the whole file', () => {
    expect(
      faultsOf({
        jobs: [
          { name: 'fine', command: 'true' },
          { name: 'eager', command: 'true', priority: 10, maxAttempts: 0 },
          { command: 'true', delay: 'soon', timeout: -1 },
          { name: 'late', command: 'true', runAt: '2030-01-31 09:00' },
        ],
      }),
    ).toEqual([
      'jobs.json: job 2 (eager): priority: must be a whole number from 0 to 9',
      'jobs.json: job 2 (eager): maxAttempts: must be a whole number from 1 to 100',
      'jobs.json: job 3: delay: must be milliseconds, or a duration such as 500ms, 30s, 5m, 2h or 1d',
      'jobs.json: job 3: timeout: must be milliseconds, or a duration such as 500ms, 30s, 5m, 2h or 1d',
      'jobs.json: job 4 (late): runAt: must be a time with its offset, such as 2030-01-31T09:00:00+01:00',
    ]);
  });

  it('refuses a field it does not know, wherever it stands', () => {
    expect(
      faultsOf({
        jobs: [{ command: 'true', prioriy: 1, retry: { strategy: 'fixed', delay: '1s', times: 3 } }],
      }),
    ).toEqual([
      'jobs.json: job 1: retry.times: is not a known field',
      'jobs.json: job 1: prioriy: is not a known field',
    ]);
  });

  it('wants either a command or a type, and one time at most', () => {
    expect(
      faultsOf({
        jobs: [
          { name: 'empty' },
          { command: ' ' },
          { command: 'true', type: 'print', payload: {} },
          { command: 'true', delay: '1s', runAt: '2030-01-31T09:00:00Z' },
          'echo hi',
        ],
      }),
    ).toEqual([
      'jobs.json: job 1 (empty): command: is missing, and so is a type',
      'jobs.json: job 2: command: must not be empty',
      'jobs.json: job 3: type: must not be set beside a command',
      'jobs.json: job 3: payload: must not be set beside a command',
      'jobs.json: job 4: delay: must not be set beside runAt',
      'jobs.json: job 5: must be an object',
    ]);
  });

  it('says what is wrong with a file that is no list of jobs', () => {
    expect(faultsOf([])).toEqual(['jobs.json: must be an object {"jobs": […]}']);
    expect(faultsOf({ jobs: {} })).toEqual(['jobs.json: jobs: must be a list']);
    expect(faultsOf({ jobs: [] })).toEqual(['jobs.json: jobs: must hold at least one job']);
    expect(() => parseJobsFile('{"jobs": [', 'jobs.json')).toThrow(/^jobs\.json: is not JSON: /);
  });

  it('meets whatever JSON with jobs or with a usage error, never with another error', () => {
    const field = fc.constantFrom(
      'name',
      'command',
      'type',
      'payload',
      'priority',
      'delay',
      'runAt',
      'retry',
    );
    const entry = fc.oneof(fc.jsonValue(), fc.dictionary(field, fc.jsonValue()));
    fc.assert(
      fc.property(fc.array(entry), (jobs) => {
        expect(strangeErrorOf({ jobs })).toBeUndefined();
      }),
    );
  });
});
