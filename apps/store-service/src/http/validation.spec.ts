import { expect, test } from 'vitest';
import { z } from 'zod';
import { Problem } from './problem.js';
import { fieldProblems, ValidationPipe } from './validation.js';

function problemsOf(schema: z.ZodType, value: unknown, prefix: string[] = []) {
  const parsed = schema.safeParse(value, { reportInput: true });
  return fieldProblems(parsed.error?.issues ?? [], prefix);
}

test('a field that is missing is required; one of the wrong kind must be another', () => {
  const schema = z.object({ a: z.string(), b: z.number() });
  expect(problemsOf(schema, { b: 'x' })).toEqual([
    { field: 'a', message: 'is required (string)' },
    { field: 'b', message: 'must be number' },
  ]);
});

test('a value that is none of those allowed is answered with them', () => {
  expect(problemsOf(z.object({ a: z.enum(['x', 'y']) }), { a: 'z' })).toEqual([
    { field: 'a', message: 'must be one of x, y', allowed: ['x', 'y'] },
  ]);
  expect(problemsOf(z.literal([1, 2]), 3)).toEqual([
    { field: '', message: 'must be one of 1, 2', allowed: [1, 2] },
  ]);
});

test('every unknown field is named by its whole path', () => {
  const schema = z.strictObject({ in: z.strictObject({}) });
  expect(problemsOf(schema, { in: { a: 1, b: 2 } }, ['payload'])).toEqual([
    { field: 'payload.in.a', message: 'is not a known field' },
    { field: 'payload.in.b', message: 'is not a known field' },
  ]);
});

test('of several alternatives, the one that came closest tells what is wrong', () => {
  const schema = z.union([
    z.object({ a: z.string(), b: z.string(), c: z.string() }),
    z.object({ a: z.string() }),
  ]);
  expect(problemsOf(schema, { a: 1 })).toEqual([{ field: 'a', message: 'must be string' }]);
});

test('an answer never lists more than 50 fields, however many are wrong', () => {
  const many = Array.from({ length: 500 }, () => 'x');
  expect(problemsOf(z.array(z.number()), many)).toHaveLength(50);
  const unknown = Object.fromEntries(many.map((value, index) => [`key${index}`, value]));
  expect(problemsOf(z.strictObject({}), unknown)).toHaveLength(50);
});

test('the pipe passes on what the schema makes of the value', () => {
  const schema = z.object({ n: z.string().transform(Number) });
  expect(new ValidationPipe('bad-request').transform({ n: '7' }, { type: 'query', schema })).toEqual({
    n: 7,
  });
});

test('the pipe throws a problem of its kind, with a summary that a person can read', () => {
  const schema = z.strictObject({ n: z.number() });
  const pipe = new ValidationPipe('validation-failed');
  expect(() => pipe.transform({ n: 'x', m: 1 }, { type: 'body', schema })).toThrow(
    expect.objectContaining({
      kind: 'validation-failed',
      status: 422,
      detail: 'n: must be number; m: is not a known field',
    }) as Problem,
  );
});

test('a route without a schema is a defect, not an open door', () => {
  expect(() => new ValidationPipe('bad-request').transform({}, { type: 'body' })).toThrow(
    'a route has no schema',
  );
});
