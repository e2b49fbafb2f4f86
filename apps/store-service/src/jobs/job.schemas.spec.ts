import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeCursor } from '../http/fields.js';
import { fieldProblems } from '../http/validation.js';
import { createJobSchema, jobIdSchema, listJobsSchema, outputQuerySchema } from './job.schemas.js';

type Schema = { safeParse: typeof createJobSchema.safeParse };

/** The fields that the schema objects to. */
function fieldsAt(schema: Schema, value: unknown): string[] {
  const parsed = schema.safeParse(value, { reportInput: true });
  return parsed.success ? [] : fieldProblems(parsed.error.issues).map(({ field }) => field);
}

test('a type is all that a job needs', () => {
  expect(createJobSchema.parse({ type: 'print' })).toEqual({
    type: 'print',
    payload: {},
    queue: 'default',
    priority: 5,
    maxAttempts: 4,
    onLost: 'retry',
  });
});

test('durations come as milliseconds or as text, times with any offset', () => {
  expect(
    createJobSchema.parse({
      type: 'print',
      runAt: '2030-01-31T09:00:00+01:00',
      timeout: '1h30m',
      retry: { strategy: 'exponential', base: '1s', max: 60_000 },
    }),
  ).toMatchObject({
    runAt: new Date('2030-01-31T08:00:00Z'),
    timeout: 5_400_000,
    retry: { strategy: 'exponential', baseMs: 1000, factor: 2, maxMs: 60_000, jitter: 0.2 },
  });
  expect(createJobSchema.parse({ type: 'print', delay: '2d' })).toMatchObject({ delay: 172_800_000 });
  expect(
    createJobSchema.parse({ type: 'print', retry: { strategy: 'list', delays: ['1s', 2] } }).retry,
  ).toEqual({ strategy: 'list', delaysMs: [1000, 2] });
});

test('an expiry is a time or a duration', () => {
  const expiresAt = (value: unknown) => createJobSchema.parse({ type: 'a', expiresAt: value }).expiresAt;
  expect(expiresAt('2030-01-31T09:00:00+01:00')).toEqual(new Date('2030-01-31T08:00:00Z'));
  expect(expiresAt('10m')).toBe(600_000);
  expect(expiresAt(1500)).toBe(1500);
});

test('a tag that is given twice counts once', () => {
  expect(createJobSchema.parse({ type: 'a', tags: ['x', 'y', 'x'] }).tags).toEqual(['x', 'y']);
  expect(listJobsSchema.parse({ tag: 'x,y' }).tag).toEqual(['x', 'y']);
});

test('null stands for "not given" where a field may be left out', () => {
  expect(fieldsAt(createJobSchema, { type: 'print', name: null, runAt: null, retry: null })).toEqual([]);
});

test.each([
  ['no object', [], ''],
  ['nothing', undefined, ''],
  ['text', 'print', ''],
  ['no type', {}, 'type'],
  ['a number as type', { type: 7 }, 'type'],
  ['an empty type', { type: '' }, 'type'],
  ['a type with a space', { type: 'a b' }, 'type'],
  ['a type of 101 letters', { type: 'a'.repeat(101) }, 'type'],
  ['an unknown field', { type: 'a', retries: 3 }, 'retries'],
  ['a NUL in the payload', { type: 'a', payload: { text: ['x\0'] } }, 'payload.text.0'],
  ['half a surrogate pair', { type: 'a', payload: { text: '\uD800' } }, 'payload.text'],
  ['an empty name', { type: 'a', name: '' }, 'name'],
  ['a name of 201 letters', { type: 'a', name: 'n'.repeat(201) }, 'name'],
  ['a NUL in the name', { type: 'a', name: 'x\0y' }, 'name'],
  ['broken Unicode in the name', { type: 'a', name: '\uDC00' }, 'name'],
  ['a queue that is a path', { type: 'a', queue: '../etc' }, 'queue'],
  ['a queue with a colon', { type: 'a', queue: 'a:b' }, 'queue'],
  ['an empty queue', { type: 'a', queue: '' }, 'queue'],
  ['a time without offset', { type: 'a', runAt: '2030-01-01T00:00:00' }, 'runAt'],
  ['a date alone', { type: 'a', runAt: '2030-01-01' }, 'runAt'],
  ['a day that does not exist', { type: 'a', runAt: '2030-02-30T00:00:00Z' }, 'runAt'],
  ['an hour that does not exist', { type: 'a', runAt: '2030-01-01T25:00:00Z' }, 'runAt'],
  ['words as a time', { type: 'a', runAt: 'tomorrow' }, 'runAt'],
  ['a number as a time', { type: 'a', runAt: 1_900_000_000 }, 'runAt'],
  ['the year 0, which Postgres has not', { type: 'a', runAt: '0000-01-01T00:00:00Z' }, 'runAt'],
  ['the year 0 by way of the offset', { type: 'a', runAt: '0001-01-01T00:00:00+23:59' }, 'runAt'],
  ['the year 10000 by way of the offset', { type: 'a', runAt: '9999-12-31T23:59:59-23:59' }, 'runAt'],
  ['a negative delay', { type: 'a', delay: -1 }, 'delay'],
  ['a delay of half a millisecond', { type: 'a', delay: 0.5 }, 'delay'],
  ['a delay without unit', { type: 'a', delay: '5' }, 'delay'],
  ['a delay beyond ten years', { type: 'a', delay: '3651d' }, 'delay'],
  ['a delay without end', { type: 'a', delay: `${'9'.repeat(400)}d` }, 'delay'],
  ['a delay of null', { type: 'a', delay: null }, 'delay'],
  ['both delay and runAt', { type: 'a', delay: 1, runAt: '2030-01-01T00:00:00Z' }, 'delay'],
  ['an expiry in words', { type: 'a', expiresAt: 'soon' }, 'expiresAt'],
  ['an expiry at once', { type: 'a', expiresAt: 0 }, 'expiresAt'],
  [
    'an expiry before it is due',
    { type: 'a', runAt: '2030-01-01T00:00:00Z', expiresAt: '2030-01-01T00:00:00Z' },
    'expiresAt',
  ],
  ['a tag that is no text', { type: 'a', tags: ['x', 1] }, 'tags.1'],
  ['an empty tag', { type: 'a', tags: [''] }, 'tags.0'],
  ['a comma in a tag', { type: 'a', tags: ['x,y'] }, 'tags.0'],
  ['a tag of 65 characters', { type: 'a', tags: ['t'.repeat(65)] }, 'tags.0'],
  ['17 tags', { type: 'a', tags: Array.from({ length: 17 }, String) }, 'tags'],
  ['a negative priority', { type: 'a', priority: -1 }, 'priority'],
  ['a priority of 10', { type: 'a', priority: 10 }, 'priority'],
  ['half a priority', { type: 'a', priority: 4.5 }, 'priority'],
  ['a priority in words', { type: 'a', priority: 'high' }, 'priority'],
  ['no attempts', { type: 'a', maxAttempts: 0 }, 'maxAttempts'],
  ['101 attempts', { type: 'a', maxAttempts: 101 }, 'maxAttempts'],
  ['endless attempts', { type: 'a', maxAttempts: Infinity }, 'maxAttempts'],
  ['a timeout of nothing', { type: 'a', timeout: 0 }, 'timeout'],
  ['a timeout beyond a week', { type: 'a', timeout: '8d' }, 'timeout'],
  ['an unknown wish for a lost executor', { type: 'a', onLost: 'ignore' }, 'onLost'],
  ['an empty unique key', { type: 'a', uniqueKey: '' }, 'uniqueKey'],
  ['a NUL in the unique key', { type: 'a', uniqueKey: 'a\0' }, 'uniqueKey'],
  ['an unknown unique policy', { type: 'a', uniqueKey: 'k', uniquePolicy: 'x' }, 'uniquePolicy'],
  ['a unique policy without key', { type: 'a', uniquePolicy: 'replace' }, 'uniquePolicy'],
  ['a retry that is no object', { type: 'a', retry: 'fixed' }, 'retry'],
  ['a retry without strategy', { type: 'a', retry: {} }, 'retry.strategy'],
  ['an unknown strategy', { type: 'a', retry: { strategy: 'random' } }, 'retry.strategy'],
  ['a strategy without its wait', { type: 'a', retry: { strategy: 'fixed' } }, 'retry.delay'],
  ['an empty list of waits', { type: 'a', retry: { strategy: 'list', delays: [] } }, 'retry.delays'],
  ['a wrong wait', { type: 'a', retry: { strategy: 'list', delays: [1, -1] } }, 'retry.delays.1'],
  ['a wait beyond 30 days', { type: 'a', retry: { strategy: 'fixed', delay: '31d' } }, 'retry.delay'],
  ['a factor below 1', { type: 'a', retry: { strategy: 'exponential', factor: 0.5 } }, 'retry.factor'],
  ['more jitter than all', { type: 'a', retry: { strategy: 'exponential', jitter: 1.1 } }, 'retry.jitter'],
  ['a first wait of nothing', { type: 'a', retry: { strategy: 'exponential', base: 0 } }, 'retry.base'],
  ['a field of another strategy', { type: 'a', retry: { strategy: 'none', delay: 1 } }, 'retry.delay'],
])('%s is refused under the name of its field', (_what, request, field) => {
  expect(fieldsAt(createJobSchema, request)).toEqual([field]);
});

test('all wrong fields are told of at once', () => {
  const fields = fieldsAt(createJobSchema, { priority: 99, queue: '/', timeout: 'x', extra: 1 });
  expect(fields.toSorted()).toEqual(['extra', 'priority', 'queue', 'timeout', 'type']);
});

test('a strategy that does not exist is answered with those that do', () => {
  const parsed = createJobSchema.safeParse({ type: 'a', retry: { strategy: 'x' } }, { reportInput: true });
  const message = fieldProblems(parsed.error?.issues ?? [])[0]?.message;
  for (const strategy of ['exponential', 'fixed', 'list', 'none']) expect(message).toContain(strategy);
});

test('no request makes the schema throw, and every refusal names a field', () => {
  const odd = fc.oneof(fc.anything(), fc.constantFrom('1s', 0, null, '2030-01-01T00:00:00Z'));
  const request = fc.record(
    {
      type: fc.oneof(fc.constant('print'), odd),
      payload: odd,
      name: odd,
      queue: odd,
      runAt: odd,
      delay: odd,
      priority: odd,
      maxAttempts: odd,
      timeout: odd,
      retry: odd,
    },
    { requiredKeys: ['type'] },
  );
  fc.assert(
    fc.property(request, (value) => {
      const parsed = createJobSchema.safeParse(value, { reportInput: true });
      const problems = parsed.success ? [] : fieldProblems(parsed.error.issues);
      expect(parsed.success).toBe(problems.length === 0);
    }),
  );
});

test.each([
  ['an unknown state', { state: 'done' }, 'state.0'],
  ['one unknown state among known ones', { state: 'dead,done' }, 'state.1'],
  ['an empty state', { state: '' }, 'state.0'],
  ['a state given twice', { state: ['dead', 'queued'] }, 'state'],
  ['a limit of 0', { limit: '0' }, 'limit'],
  ['a limit of 201', { limit: '201' }, 'limit'],
  ['a limit in words', { limit: 'all' }, 'limit'],
  ['a negative limit', { limit: '-1' }, 'limit'],
  ['a cursor that is none', { cursor: 'x' }, 'cursor'],
  ['an empty cursor', { cursor: '' }, 'cursor'],
  ['a bare id as a cursor', { cursor: '01890a5d-ac96-774b-bcce-b302099a8057' }, 'cursor'],
  ['an unknown filter', { status: 'dead' }, 'status'],
])('a list with %s is refused under the name of its field', (_what, query, field) => {
  expect(fieldsAt(listJobsSchema as unknown as Schema, query)).toEqual([field]);
});

test('a cursor leads back to its id, and a changed cursor to none', () => {
  fc.assert(
    fc.property(fc.uuid(), fc.nat(), (id, at) => {
      const cursor = encodeCursor(id);
      expect(listJobsSchema.parse({ cursor }).cursor).toBe(id);
      const place = at % cursor.length;
      const bent = `${cursor.slice(0, place)}!${cursor.slice(place + 1)}`;
      expect(listJobsSchema.safeParse({ cursor: bent }).success).toBe(false);
    }),
  );
});

test('states come with commas between; the page has 50 unless told', () => {
  expect(listJobsSchema.parse({ state: 'dead,queued' })).toEqual({ state: ['dead', 'queued'], limit: 50 });
});

test.each(['', 'x', '1', '01890a5d-ac96-774b-bcce-b302099a805', '../jobs', "' OR 1=1"])(
  '%j is no job id',
  (id) => {
    expect(fieldsAt(jobIdSchema as unknown as Schema, { id })).toEqual(['id']);
  },
);

test('the number of an attempt is a number', () => {
  expect(outputQuerySchema.parse({ attempt: '12' })).toEqual({ attempt: 12 });
  for (const attempt of ['', '-1', '1.5', 'last', '1000'])
    expect(fieldsAt(outputQuerySchema as unknown as Schema, { attempt })).toEqual(['attempt']);
});
