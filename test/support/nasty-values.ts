/** Values that hurt: nearly right, at the edges of what is allowed, of another kind, or meant to break something. */
import fc from 'fast-check';

const TEXTS = [
  ...[
    '',
    ' ',
    '\0',
    '\ud800',
    '💥',
    'é',
    '\u202e',
    'a:b',
    'a,b',
    '../../etc/passwd',
    '%00',
    '%2e%2e',
    '${jndi:ldap://x}',
  ],
  ...[
    "'; DROP TABLE jobs; --",
    '__proto__',
    'constructor',
    'null',
    'NaN',
    '1e9',
    '-1',
    '1',
    'command',
    'print',
    'x',
  ],
  ...[
    '1s',
    '-1s',
    '9999999d',
    '0ms',
    'now',
    '2030-01-01T00:00:00Z',
    '9999-12-31T23:59:59-23:59',
    '0000-01-01T00:00:00Z',
  ],
  ...['2030-02-30T00:00:00Z', '0198f2a4-0000-7000-8000-000000000000', 'x'.repeat(201), 'x'.repeat(70_000)],
] as const;

export const nastyText = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<string>(...TEXTS) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 30 }) },
);

export const nastyNumber = fc.constantFrom(
  ...[0, -0, -1, 1.5, 1e-7, 1e308, -1e308, 2 ** 31 - 1, 2 ** 31, 2 ** 53, -(2 ** 53), 9, 10, 100, 101],
);

export const nasty: fc.Arbitrary<unknown> = fc.oneof(
  nastyText,
  nastyNumber,
  fc.constantFrom<unknown>(true, false, null, [], {}, [null], { '': '' }, [[[[[]]]]]),
  // A field called command could become a command line.
  fc.jsonValue({ maxDepth: 4 }).filter((value) => !JSON.stringify(value).includes('command')),
);
