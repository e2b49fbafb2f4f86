import { expect, test } from 'vitest';
import { z } from 'zod';
import { compilePayloadSchema, type JsonSchema } from './payload-schema.js';

const check = (schema: JsonSchema | z.ZodType) =>
  compilePayloadSchema(
    schema instanceof z.ZodType ? (z.toJSONSchema(schema, { io: 'input' }) as JsonSchema) : schema,
  );

test('what fits has no faults', () => {
  const fits = check(z.strictObject({ name: z.string().min(1), tags: z.array(z.string()).default([]) }));
  expect(fits({ name: 'a' })).toEqual([]);
  expect(fits({ name: 'a', tags: ['b'] })).toEqual([]);
});

test('each fault names its field, and what would be accepted', () => {
  const faults = check(
    z.strictObject({
      text: z.string(),
      level: z.enum(['low', 'high']),
      size: z.union([z.literal(1), z.literal(2)]),
      'a/b': z.array(z.strictObject({ n: z.int().min(3) })),
    }),
  );
  expect(faults({ level: 'middle', size: 3, 'a/b': [{ n: 3 }, { n: 1 }], more: 1 })).toEqual([
    { path: ['text'], message: 'is required (string)' },
    {
      path: ['more'],
      message: 'is not a known field; there are text, level, size, a/b',
      allowed: ['text', 'level', 'size', 'a/b'],
    },
    { path: ['level'], message: 'must be one of low, high', allowed: ['low', 'high'] },
    { path: ['size'], message: 'must be one of 1', allowed: [1] },
    { path: ['a/b', '1', 'n'], message: 'must be >= 3' },
  ]);
  expect(faults([])).toEqual([{ path: [], message: 'must be object' }]);
});

test('names of fields are checked too, and inherited ones are not taken for given', () => {
  const faults = check(z.record(z.string().regex(/^[a-z]+$/), z.string()));
  expect(faults({ a: 'x', '1': 'y' })).toEqual([
    { path: ['1'], message: 'is not a name that fits: must match pattern "^[a-z]+$"' },
  ]);
  expect(check({ type: 'object', required: ['toString'] })({})).toEqual([
    { path: ['toString'], message: 'is required' },
  ]);
});

test('of alternatives, the one that came closest is told of', () => {
  const faults = check(
    z.union([z.strictObject({ a: z.string(), b: z.string() }), z.strictObject({ c: z.number() })]),
  );
  expect(faults({ c: 'x' })).toEqual([{ path: ['c'], message: 'must be number' }]);
  const oneOrMany = check(z.union([z.email(), z.array(z.email()).min(1)]));
  expect(oneOrMany(['a@b.example', 'x'])[0]).toMatchObject({ path: ['1'] });
  expect(oneOrMany('x')[0]).toMatchObject({ path: [] });
});

test('a schema of draft-07 is taken as such, and formats are looked at', () => {
  const draft7 = check({
    $schema: 'http://json-schema.org/draft-07/schema#',
    items: [{ type: 'string' }, { type: 'number' }],
  });
  expect(draft7(['a', 1])).toEqual([]);
  expect(draft7([1, 1])).toEqual([{ path: ['0'], message: 'must be string' }]);
  expect(check({ format: 'uri' })('no address')).toEqual([{ path: [], message: 'must match format "uri"' }]);
  expect(check({ format: 'of-our-own' })('anything')).toEqual([]);
});

test('without a schema every payload fits', () => {
  for (const payload of [null, 1, 'x', [], {}]) expect(check({})(payload)).toEqual([]);
});

test('schemas with the same $id do not get in each other’s way', () => {
  expect(check({ $id: 'same', type: 'string' })('x')).toEqual([]);
  expect(check({ $id: 'same', type: 'number' })('x')).toHaveLength(1);
});

test.each<JsonSchema>([
  { type: 'nonsense' },
  { $ref: 'https://elsewhere.example/schema' },
  { $async: true },
  { $schema: 'https://elsewhere.example/dialect' },
  { pattern: '(' },
  { items: [{ type: 'string' }] },
])('%j is refused as a schema', (schema) => {
  expect(() => compilePayloadSchema(schema)).toThrow();
});

test('a schema that never comes to an end accepts nothing, and breaks nothing', () => {
  expect(check({ $ref: '#' })({})).toEqual([
    { path: [], message: 'cannot be checked with the schema of its type' },
  ]);
});
