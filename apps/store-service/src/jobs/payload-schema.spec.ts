import { expect, test } from 'vitest';
import { workerPayloads } from './payload-schema.js';

const check = (schema: Record<string, unknown>, payload: unknown) =>
  workerPayloads(schema as Parameters<typeof workerPayloads>[0])(payload as null, ['payload']);

test('without a schema every payload fits', () => {
  for (const payload of [null, 1, 'x', [], {}]) expect(check({}, payload)).toEqual([]);
});

test.each<[string, Record<string, unknown>, unknown, object]>([
  ['missing', { required: ['to'] }, {}, { field: 'payload.to', message: 'is required' }],
  [
    'surplus',
    { properties: {}, additionalProperties: false },
    { 'a/b': 1 },
    { field: 'payload.a/b', message: 'is not a known field' },
  ],
  [
    'not one of',
    { properties: { to: { enum: ['a', 2] } } },
    { to: 'c' },
    { field: 'payload.to', message: 'must be one of a, 2', allowed: ['a', 2] },
  ],
  [
    'deep',
    { properties: { 'x/y': { items: { type: 'number' } } } },
    { 'x/y': [1, 'two'] },
    { field: 'payload.x/y.1', message: 'must be number' },
  ],
  ['as a whole', { type: 'object' }, 5, { field: 'payload', message: 'must be object' }],
])('what is %s is named by its field', (_name, schema, payload, problem) => {
  expect(check(schema, payload)).toEqual([problem]);
});

test('draft-07 is understood when the schema says that it is one', () => {
  const tuple = { items: [{ type: 'string' }, { type: 'number' }] };
  const draft07 = { $schema: 'http://json-schema.org/draft-07/schema#', ...tuple };
  expect(check(draft07, ['a', 1])).toEqual([]);
  expect(check(draft07, ['a', 'b'])).toMatchObject([{ field: 'payload.1' }]);
  expect(() => check(tuple, [])).toThrow('schema is invalid');
});

test('schemas with the same $id do not get in each other’s way', () => {
  expect(check({ $id: 'same', type: 'string' }, 'x')).toEqual([]);
  expect(check({ $id: 'same', type: 'number' }, 'x')).toHaveLength(1);
});

test.each([
  { type: 'nonsense' },
  { $ref: 'https://elsewhere.example/schema' },
  { $async: true },
  { $schema: 'https://elsewhere.example/dialect' },
  { pattern: '(' },
])('%j is refused as a schema', (schema) => {
  expect(() => check(schema, null)).toThrow();
});

test('a schema that never comes to an end accepts nothing, and breaks nothing', () => {
  expect(check({ $ref: '#' }, {})).toMatchObject([{ field: 'payload' }]);
});
