import { describe, expect, test } from 'vitest';
import { fieldProblems } from '../http/validation.js';
import { changesBetween } from './definition-changes.js';
import { presentDefinition } from './schedule.presenter.js';
import { definitionSchema, previewQuerySchema, toDefinition } from './schedule.schemas.js';

const job = { type: 'command', payload: { command: 'true' } };

function problems(given: object): string[] {
  const parsed = definitionSchema.safeParse({ job, ...given }, { reportInput: true });
  return parsed.success
    ? []
    : fieldProblems(parsed.error.issues).map(({ field, message }) => `${field}: ${message}`);
}

test('a cron expression and a job are enough; every default is filled in', () => {
  expect(toDefinition(definitionSchema.parse({ cron: '@daily', job }))).toEqual({
    recurrence: { kind: 'cron', expression: '@daily', gap: null, fold: null },
    timezone: 'UTC',
    start: null,
    end: null,
    maxCount: null,
    jitterMs: 0,
    missedRuns: 'once',
    graceMs: 60_000,
    overlap: 'allow',
    job: {
      ...job,
      name: null,
      queue: 'default',
      priority: 5,
      maxAttempts: 4,
      timeoutMs: 3_600_000,
      retry: null,
      onLost: 'retry',
      concurrencyKey: null,
      fairnessKey: null,
    },
  });
});

test('what is shown of a definition is accepted as it is, and means the same', () => {
  for (const given of [
    {
      cron: '0 2 * * *',
      timezone: 'Europe/Berlin',
      gap: 'skip',
      fold: 'both',
      start: '2030-01-01T00:00:00+01:00',
      end: '2031-01-01T00:00:00Z',
      maxCount: 5,
      jitter: '30s',
      missedRuns: 'all',
      grace: '2h',
      overlap: 'queue-one',
      job: { ...job, retry: { strategy: 'exponential' }, timeout: '5m', name: 'backup' },
    },
    { every: '90s', job: { ...job, retry: { strategy: 'list', delays: ['1s', 2000] } } },
  ]) {
    const definition = toDefinition(definitionSchema.parse(given));
    const shown = presentDefinition(definition);
    expect(toDefinition(definitionSchema.parse(shown))).toEqual(definition);
    expect(changesBetween(shown, presentDefinition(toDefinition(definitionSchema.parse(given))))).toEqual([]);
  }
});

describe('what cannot be is refused, naming the field:', () => {
  test.each([
    [{}, 'cron: is required, or every in its place'],
    [{ cron: '@daily', every: '1h' }, 'every: cannot be given together with cron'],
    [{ cron: '61 * * * *' }, 'cron: the minute field does not allow "61"; allowed are 0 to 59'],
    [{ cron: '@daily', timezone: 'Mars/Base' }, 'timezone: must be an IANA time zone'],
    [{ cron: '@daily', timezone: '+02:00' }, 'timezone: must be an IANA time zone'],
    [{ every: 999 }, 'every: must be a whole number of milliseconds or a duration'],
    [{ every: '1h', gap: 'skip' }, 'gap: says nothing without cron'],
    [{ every: '1h', fold: 'both' }, 'fold: says nothing without cron'],
    [{ cron: '@daily', gap: 'later' }, 'gap: must be one of skip, next-valid'],
    [{ cron: '@daily', overlap: 'wait' }, 'overlap: must be one of allow, skip, queue-one, cancel-running'],
    [{ cron: '@daily', missedRuns: 'none' }, 'missedRuns: must be one of skip, once, all'],
    [{ cron: '@daily', maxCount: 0 }, 'maxCount: '],
    [
      { cron: '@daily', start: '2030-01-02T00:00:00Z', end: '2030-01-01T00:00:00Z' },
      'end: must not be before start',
    ],
    [{ cron: '@daily', job: { ...job, runAt: '2030-01-01T00:00:00Z' } }, 'job.runAt: is not a known field'],
    [{ cron: '@daily', job: { ...job, uniqueKey: 'k' } }, 'job.uniqueKey: is not a known field'],
    [{ cron: '@daily', jobs: 1 }, 'jobs: is not a known field'],
  ])('%j', (given, message) => {
    expect(problems(given)).toEqual([expect.stringContaining(message)]);
  });
});

test('a preview has at most 500 due times, and begins no earlier than time zones do', () => {
  expect(previewQuerySchema.safeParse({ count: '500' }).success).toBe(true);
  expect(previewQuerySchema.safeParse({ count: '501' }).success).toBe(false);
  expect(previewQuerySchema.safeParse({ count: '0' }).success).toBe(false);
  expect(previewQuerySchema.safeParse({ from: '1969-12-31T00:00:00Z' }).success).toBe(false);
});

test('changes are told field by field, those of the job too', () => {
  const before = presentDefinition(toDefinition(definitionSchema.parse({ cron: '@daily', job })));
  const after = presentDefinition(
    toDefinition(definitionSchema.parse({ every: '1h', overlap: 'skip', job: { ...job, queue: 'slow' } })),
  );
  expect(changesBetween(before, after)).toEqual([
    { field: 'cron', before: '@daily', after: null },
    { field: 'overlap', before: 'allow', after: 'skip' },
    { field: 'job.queue', before: 'default', after: 'slow' },
    { field: 'every', before: null, after: 3_600_000 },
  ]);
});
