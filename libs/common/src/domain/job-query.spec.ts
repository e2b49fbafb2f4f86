import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JOB_STATES } from './job.js';
import { MAX_QUERY_LENGTH, parseJobQuery, QUERY_FIELDS, type QueryTerm } from './job-query.js';

const ID = '0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9a';

function terms(text: string): readonly QueryTerm[] {
  const parsed = parseJobQuery(text);
  if ('fault' in parsed) throw new Error(JSON.stringify(parsed.fault));
  return parsed.terms;
}

function fault(text: string) {
  const parsed = parseJobQuery(text);
  if ('terms' in parsed) throw new Error(`${text} was understood`);
  return parsed.fault;
}

describe('a query', () => {
  it('is words and fields between blanks, however many', () => {
    expect(terms('  nightly type:command\tstate:dead,cancelled ')).toEqual([
      { field: 'text', text: 'nightly' },
      { field: 'type', value: 'command' },
      { field: 'state', states: ['dead', 'cancelled'] },
    ]);
    expect(terms('')).toEqual([]);
  });

  it('takes values with blanks in quotes, and quotes in those behind a backslash', () => {
    expect(terms('name:"nightly report" "say \\"hi\\" \\\\ c:\\temp" tag:a"b')).toEqual([
      { field: 'name', text: 'nightly report' },
      { field: 'text', text: 'say "hi" \\ c:\\temp' },
      { field: 'tag', value: 'a"b' },
    ]);
  });

  it('looks into payloads by path, with odd names in quotes', () => {
    expect(terms('payload.customer.id:42 payload.items.0:"42" payload."a.b c"."\\"":x:y')).toEqual([
      { field: 'payload', path: ['customer', 'id'], value: '42', quoted: false },
      { field: 'payload', path: ['items', '0'], value: '42', quoted: true },
      { field: 'payload', path: ['a.b c', '"'], value: 'x:y', quoted: false },
    ]);
  });

  it('knows ids, in small letters', () => {
    expect(terms(`id:${ID.toUpperCase()} workflow:${ID}`)).toEqual([
      { field: 'id', id: ID },
      { field: 'workflow', id: ID },
    ]);
  });
});

describe('a fault', () => {
  it('names the field, where it stands and what there is', () => {
    expect(fault('type:a stat:dead')).toMatchObject({ field: 'stat', position: 8, allowed: QUERY_FIELDS });
    expect(fault('a state:dead,gone')).toMatchObject({ field: 'state', position: 9, allowed: JOB_STATES });
    expect(fault('id:7')).toMatchObject({ field: 'id', position: 4 });
  });

  it.each([
    ['payload:x', 'payload', 1],
    ['payload.:x', 'payload.', 1],
    ['constructor:x', 'constructor', 1],
    ['type:', 'type', 6],
    ['type: x', 'type', 6],
    ['name:""', 'name', 6],
    ['name:"open', 'name', 6],
    ['"open \\"', '', 1],
    ['name:"a"b', 'name', 9],
    ['a\0', '', 1],
    ['\ud800', '', 1],
    ['x'.repeat(MAX_QUERY_LENGTH + 1), '', MAX_QUERY_LENGTH + 1],
    ['x '.repeat(21), '', 41],
  ])('is found in %j', (text, field, position) => {
    expect(fault(text)).toMatchObject({ field, position });
  });
});

const quote = (text: string) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter((one) => !one.includes('\0'));
const term: fc.Arbitrary<QueryTerm> = fc.oneof(
  fc.record({ field: fc.constantFrom('text' as const, 'name' as const), text }),
  fc.record({
    field: fc.constantFrom('type', 'queue', 'tag', 'key').map((one) => one as 'type'),
    value: text,
  }),
  fc.record({
    field: fc.constant('state' as const),
    states: fc.array(fc.constantFrom(...JOB_STATES), { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    field: fc.constant('payload' as const),
    path: fc.array(text, { minLength: 1, maxLength: 3 }),
    value: text,
    quoted: fc.constant(true),
  }),
);

function written(one: QueryTerm): string {
  switch (one.field) {
    case 'text':
      return quote(one.text);
    case 'name':
      return `name:${quote(one.text)}`;
    case 'id':
    case 'workflow':
      return `${one.field}:${one.id}`;
    case 'state':
      return `state:${one.states.join(',')}`;
    case 'payload':
      return `payload${one.path.map((segment) => `.${quote(segment)}`).join('')}:${quote(one.value)}`;
    default:
      return `${one.field}:${quote(one.value)}`;
  }
}

describe('whatever is typed', () => {
  it('is understood as it was meant when it is quoted', () => {
    fc.assert(
      fc.property(fc.array(term, { maxLength: 6 }), (wanted) => {
        expect(terms(wanted.map(written).join(' '))).toEqual(wanted);
      }),
    );
  });

  it('is understood, or its fault is said to be within it', () => {
    const piece = fc.constantFrom(
      '"',
      ':',
      '\\',
      ' ',
      'payload.',
      'state:',
      'dead',
      ',',
      'id:',
      '.',
      'x',
      '\n',
      '💥',
    );
    const nasty = fc.oneof(
      fc.array(piece).map((pieces) => pieces.join('')),
      fc.string({ unit: 'binary', maxLength: 30 }),
    );
    fc.assert(
      fc.property(nasty, (typed) => {
        const parsed = parseJobQuery(typed);
        if ('terms' in parsed) return;
        expect(parsed.fault.position).toBeGreaterThanOrEqual(1);
        expect(parsed.fault.position).toBeLessThanOrEqual(typed.length + 1);
      }),
    );
  });
});
