import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { bounded, compilePayloadSchema, type JsonSchema } from './payload-schema.js';

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

test('what is referred to often is not written out each time, which would fill the memory', () => {
  const names = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, index) => `${prefix}${index}`);
  const fits = check({
    $defs: {
      large: { properties: Object.fromEntries(names('p', 300).map((name) => [name, { minLength: 1 }])) },
    },
    properties: Object.fromEntries(names('r', 1000).map((name) => [name, { $ref: '#/$defs/large' }])),
  });
  expect(fits({ r0: { p0: 'a' } })).toEqual([]);
  expect(fits({ r999: { p299: '' } })).toEqual([expect.objectContaining({ path: ['r999', 'p299'] })]);
});

test('of very many faults the first are told, so that explaining them does not take for ever', () => {
  const faults = check({ items: { anyOf: [{ type: 'string' }, { type: 'number' }] } });
  const told = faults(Array.from({ length: 50_000 }, () => null));
  expect(told[0]).toEqual({ path: ['0'], message: 'must be string' });
  expect(told.length).toBeLessThan(1000);
});

describe('a check with a schema of somebody else', () => {
  const tooLong = [{ path: [], message: expect.stringContaining('takes too long') as string }];
  const steps = Array.from(
    { length: 60 },
    (_, step) => [`s${step}`, { $ref: `#/$defs/s${step + 1}` }] as const,
  );

  test.each<[string, JsonSchema, unknown]>([
    ['a pattern that backtracks', { pattern: '^(a+)+$' }, `${'a'.repeat(60)}!`],
    [
      'references that double',
      {
        $defs: {
          ...Object.fromEntries(steps.map(([name, next]) => [name, { allOf: [next, next] }])),
          s60: {},
        },
        $ref: '#/$defs/s0',
      },
      'x',
    ],
  ])('is cut off: %s', (_what, schema, payload) => {
    expect(bounded(check(schema))(payload)).toEqual(tooLong);
  });

  test('that took too long is not made again for a while, whatever the payload', () => {
    let checks = 0;
    const endless = bounded(() => {
      checks += 1;
      for (;;);
    });
    expect(endless('a')).toEqual(tooLong);
    expect(endless('b')).toEqual(tooLong);
    expect(checks).toBe(1);
  });

  test('tells what any other tells', () => {
    const faults = bounded(check({ type: 'string', minLength: 2 }));
    expect(faults('ab')).toEqual([]);
    expect(faults(1)).toEqual([{ path: [], message: 'must be string' }]);
    expect(() =>
      bounded(() => {
        throw new Error('broken');
      })(1),
    ).toThrow('broken');
  });
});
