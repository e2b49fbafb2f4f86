/** Random messages of any type of a .proto file, with the values that hurt: edges, wrong kinds, broken text. */
import fc from 'fast-check';
import type { MessageTypeDefinition, PackageDefinition } from '@grpc/proto-loader';
import { WORKER_TYPE } from './request-arbitrary.js';
import { placeholder, type Pool } from './schema-arbitrary.js';

interface Field {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}

const WELL_KNOWN: Readonly<Record<string, readonly Record<string, unknown>[]>> = {
  Timestamp: [
    { seconds: 0 },
    { seconds: 1_900_000_000, nanos: 999_999_999 },
    { seconds: -1 },
    { seconds: 253_402_300_800 },
    { seconds: -9_000_000_000_000 },
    { seconds: 2 ** 62 },
    { seconds: 1, nanos: -2_147_483_648 },
  ],
  Duration: [
    { seconds: 1 },
    { seconds: -1 },
    { nanos: 1 },
    { seconds: 2 ** 62, nanos: 2_147_483_647 },
    { seconds: 604_801 },
  ],
};

const texts = fc.oneof(
  fc.constantFrom(
    ...[
      'command',
      'print',
      'http',
      'true',
      '',
      ' ',
      '\0',
      'default',
      'a:b',
      '💥',
      'x'.repeat(201),
      'x'.repeat(5000),
    ],
    ...[
      '0198f2a4-0000-7000-8000-000000000000',
      "'; DROP TABLE jobs; --",
      '../../etc/passwd',
      '__proto__',
      'constructor',
    ],
  ),
  fc.string({ unit: 'binary', maxLength: 30 }),
);
const whole = fc.oneof(
  fc.constantFrom(0, 1, -1, 5, 9, 10, 100, 101, 2_147_483_647, -2_147_483_648),
  fc.integer(),
);
const wide = fc.oneof(whole, fc.constantFrom(2 ** 53, -(2 ** 53), 2 ** 62, -(2 ** 62), 4_102_444_800));
const real = fc.oneof(fc.double(), fc.constantFrom(0, 0.5, 1e308, Number.NaN, Number.POSITIVE_INFINITY));

const SCALARS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  TYPE_STRING: texts,
  TYPE_BOOL: fc.boolean(),
  TYPE_INT32: whole,
  TYPE_INT64: wide,
  TYPE_UINT32: fc.nat(),
  TYPE_DOUBLE: real,
  TYPE_ENUM: fc.integer({ min: 0, max: 9 }),
  TYPE_BYTES: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
};

/** A payload that is nearly right more often than chance would make it. */
const payload = fc.oneof(
  texts.map((text) => ({ fields: { command: { stringValue: text } } })),
  texts.map((text) => ({ fields: { text: { stringValue: text }, [text]: { numberValue: 1 } } })),
  real.map((number) => ({ fields: { text: { numberValue: number } } })),
  fc.integer({ min: 1, max: 40 }).map((depth) => {
    let value: object = { boolValue: true };
    for (let level = 0; level < Math.min(depth, 28); level += 1) value = { listValue: { values: [value] } };
    return { fields: { text: value } };
  }),
);

/** What fields of these names mostly hold: something that there is, which Pool fills in. */
const NAMED: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  id: placeholder('id'),
  jobId: placeholder('id'),
  types: fc.constant([WORKER_TYPE]),
  queues: fc.constant([]),
  worker: fc.constant('w'),
  text: fc.constantFrom('x', 'two\nlines'),
  type: fc.constantFrom(WORKER_TYPE, 'print', 'command'),
};

/** @param depth how far messages may still be inside each other */
export function messageArbitrary(
  protos: PackageDefinition,
  type: MessageTypeDefinition<object, object>,
  depth = 4,
): fc.Arbitrary<Record<string, unknown>> {
  const { field: fields } = type.type as unknown as { readonly field: readonly Field[] };
  const isAboutLease = fields.some(({ name }) => camelCase(name) === 'leaseToken');
  // A job and its token, together.
  const held = fc.nat(199).map((nth) => ({ job_id: `@@leased:${nth}@@`, lease_token: `@@token:${nth}@@` }));
  const message = fc
    .record(Object.fromEntries(fields.map((field) => [field.name, oftenAbsent(protos, field, depth)])))
    .map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)));
  return isAboutLease
    ? fc.tuple(message, held, fc.nat(4)).map(([some, own, nth]) => (nth > 0 ? { ...some, ...own } : some))
    : message;
}

/** What a message is mostly about is mostly there; of the rest a little, or hardly any message would be accepted. */
function oftenAbsent(protos: PackageDefinition, field: Field, depth: number): fc.Arbitrary<unknown> {
  const isNamed = camelCase(field.name) in NAMED;
  const isPart =
    field.type === 'TYPE_MESSAGE' && WELL_KNOWN[field.typeName.split('.').at(-1) ?? ''] === undefined;
  const absent = { weight: isNamed || isPart ? 1 : 4, arbitrary: fc.constant(undefined) };
  const there = { weight: isNamed || isPart ? 9 : 1, arbitrary: fieldArbitrary(protos, field, depth) };
  return fc.oneof<fc.MaybeWeightedArbitrary<unknown>[]>(there, absent);
}

function fieldArbitrary(protos: PackageDefinition, field: Field, depth: number): fc.Arbitrary<unknown> {
  const one = SCALARS[field.type] ?? nested(protos, field.typeName, depth - 1);
  const any = field.label === 'LABEL_REPEATED' ? fc.array(one, { maxLength: 4 }) : one;
  const named = field.type === 'TYPE_STRING' ? NAMED[camelCase(field.name)] : undefined;
  return named === undefined ? any : fc.oneof({ weight: 3, arbitrary: named }, { weight: 1, arbitrary: any });
}

const camelCase = (name: string) => name.replaceAll(/_(\w)/g, (_all, letter: string) => letter.toUpperCase());

/** The message with every placeholder in it filled in. */
export function filled(message: unknown, pool: Pool): unknown {
  if (typeof message === 'string') return pool.fill(message);
  if (Array.isArray(message)) return message.map((item) => filled(item, pool));
  if (typeof message !== 'object' || message === null || Buffer.isBuffer(message)) return message;
  return Object.fromEntries(Object.entries(message).map(([key, value]) => [key, filled(value, pool)]));
}

function nested(protos: PackageDefinition, name: string, depth: number): fc.Arbitrary<unknown> {
  const short = name.split('.').at(-1) ?? '';
  if (short === 'Struct') return payload;
  const known = WELL_KNOWN[short];
  if (known !== undefined) return fc.constantFrom(...known);
  const found = Object.entries(protos).find(([full]) => full === name || full.endsWith(`.${name}`));
  if (found === undefined || depth <= 0) return fc.constant({});
  return messageArbitrary(protos, found[1] as MessageTypeDefinition<object, object>, depth);
}
