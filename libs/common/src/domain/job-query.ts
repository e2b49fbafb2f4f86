/**
 * What people type to find jobs: words and fields, all of which a job must fit. Text goes in, terms come out, or the one fault
 * that was met first. docs/SEARCH.md tells people of it.
 */
import { JOB_STATES, type JobState } from './job.js';

/** One thing that a job must fit. */
export type QueryTerm =
  /** Found anywhere in its name, type, queue, unique key, tags, payload or error, in capitals or not. */
  | { readonly field: 'text'; readonly text: string }
  /** Found in its name, in capitals or not. */
  | { readonly field: 'name'; readonly text: string }
  | { readonly field: 'id' | 'workflow'; readonly id: string }
  | { readonly field: 'type' | 'queue' | 'tag' | 'key'; readonly value: string }
  | { readonly field: 'state'; readonly states: readonly JobState[] }
  /** What stands at a path of its payload is the text, or, unless that was quoted, the number, true, false or null it spells. */
  | {
      readonly field: 'payload';
      readonly path: readonly string[];
      readonly value: string;
      readonly quoted: boolean;
    };

export interface QueryFault {
  /** As it was typed; empty for a word without a field. */
  readonly field: string;
  /** Of the character where it is, from 1. */
  readonly position: number;
  readonly message: string;
  readonly allowed?: readonly string[];
}

export type ParsedQuery = { readonly terms: readonly QueryTerm[] } | { readonly fault: QueryFault };

/** As people are told of them. */
export const QUERY_FIELDS = [
  'id',
  'name',
  'type',
  'queue',
  'state',
  'tag',
  'key',
  'workflow',
  'payload.<path>',
] as const;

/** Characters; more is no search but a document. */
export const MAX_QUERY_LENGTH = 1000;
export const MAX_QUERY_TERMS = 20;

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const BLANKS = /\s*/y;
const WORD = /\S+/y;
const FIELD = /[^\s":]+(?=:)/y;
/** A segment is quoted when it holds a dot, a colon or a blank. */
const PAYLOAD_PATH = /payload((?:\.(?:"(?:[^"\\]|\\[^])+"|[^\s".:]+))+)(?=:)/y;
const SEGMENT = /\.(?:"((?:[^"\\]|\\[^])+)"|([^\s".:]+))/g;
const QUOTED = /"((?:[^"\\]|\\[^])*)"/y;

/** @returns the terms of a query, or the first thing that is wrong with it */
export function parseJobQuery(text: string): ParsedQuery {
  if (text.length > MAX_QUERY_LENGTH)
    return { fault: faultAt(MAX_QUERY_LENGTH, '', `is longer than ${MAX_QUERY_LENGTH} characters`) };
  if (text.includes('\0') || !text.isWellFormed())
    return { fault: faultAt(0, '', 'must be valid Unicode without NUL characters') };
  const reader = new Reader(text);
  const terms: QueryTerm[] = [];
  try {
    for (reader.skip(BLANKS); !reader.isAtEnd; reader.skip(BLANKS)) {
      if (terms.length === MAX_QUERY_TERMS) throw reader.fault('', `has more than ${MAX_QUERY_TERMS} terms`);
      terms.push(readTerm(reader));
    }
  } catch (error) {
    if (error instanceof Fault) return { fault: error.fault };
    throw error;
  }
  return { terms };
}

function readTerm(reader: Reader): QueryTerm {
  const begin = reader.at;
  const path = reader.take(PAYLOAD_PATH);
  if (path !== undefined) {
    const segments = [...(path[1] ?? '').matchAll(SEGMENT)].map(([, quoted, plain]) =>
      quoted === undefined ? (plain ?? '') : unescape(quoted),
    );
    const { value, quoted } = readValue(reader, 'payload');
    return { field: 'payload', path: segments, value, quoted };
  }
  const field = reader.take(FIELD)?.[0];
  if (field === undefined) return { field: 'text', text: readText(reader, '').value };
  const isKnown = (name: string): name is keyof typeof READERS => Object.hasOwn(READERS, name);
  if (!isKnown(field)) {
    const message =
      field === 'payload' || field.startsWith('payload.')
        ? 'must name a path, such as payload.customer:7'
        : `is no field; to look for the text itself, put it into quotes`;
    throw new Fault(faultAt(begin, field, message, QUERY_FIELDS));
  }
  return READERS[field](readValue(reader, field), field);
}

interface Value {
  readonly value: string;
  readonly quoted: boolean;
  /** Where it begins. */
  readonly at: number;
}

/** What each field makes of its value. */
const READERS = {
  id: ofId,
  workflow: ofId,
  name: ({ value }: Value): QueryTerm => ({ field: 'name', text: value }),
  type: ofWord,
  queue: ofWord,
  tag: ofWord,
  key: ofWord,
  state: ({ value, at }: Value): QueryTerm => {
    const states = value.split(',').map((state) => {
      const known = JOB_STATES.find((one) => one === state);
      if (known === undefined)
        throw new Fault(faultAt(at, 'state', `must be one of ${JOB_STATES.join(', ')}`, JOB_STATES));
      return known;
    });
    return { field: 'state', states };
  },
};

function ofWord({ value }: Value, field: string): QueryTerm {
  return { field: field as 'type' | 'queue' | 'tag' | 'key', value };
}

function ofId({ value, at }: Value, field: string): QueryTerm {
  if (!UUID.test(value)) throw new Fault(faultAt(at, field, 'must be an id (a UUID)'));
  return { field: field as 'id' | 'workflow', id: value.toLowerCase() };
}

function readValue(reader: Reader, field: string): Value {
  reader.skip(/:/y);
  return readText(reader, field);
}

function readText(reader: Reader, field: string): Value {
  const { at } = reader;
  const quoted = reader.take(QUOTED)?.[1];
  if (quoted === undefined && reader.isAtQuote) throw reader.fault(field, 'has a quote that does not end');
  if (quoted !== undefined && !reader.isAtBlank)
    throw reader.fault(field, 'must be followed by a blank after its quotes');
  const value = quoted === undefined ? (reader.take(WORD)?.[0] ?? '') : unescape(quoted);
  if (value === '') throw new Fault(faultAt(at, field, 'needs a value'));
  return { value, quoted: quoted !== undefined, at };
}

/** In quotes, \" is a quote and \\ a backslash; before anything else a backslash is one. */
function unescape(quoted: string): string {
  return quoted.replaceAll(/\\(["\\])/g, '$1');
}

class Reader {
  at = 0;

  constructor(private readonly text: string) {}

  get isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  get isAtQuote(): boolean {
    return this.text[this.at] === '"';
  }

  get isAtBlank(): boolean {
    return this.isAtEnd || /\s/.test(this.text[this.at] ?? '');
  }

  /** What the (sticky) pattern finds here, or undefined; goes on behind it. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text) ?? undefined;
    if (found !== undefined) this.at += found[0].length;
    return found;
  }

  skip(pattern: RegExp): void {
    this.take(pattern);
  }

  fault(field: string, message: string): Fault {
    return new Fault(faultAt(this.at, field, message));
  }
}

/** Carries a fault out of the depth of the parser. */
class Fault extends Error {
  constructor(readonly fault: QueryFault) {
    super(fault.message);
  }
}

function faultAt(at: number, field: string, message: string, allowed?: readonly string[]): QueryFault {
  return { field, position: at + 1, message, ...(allowed === undefined ? {} : { allowed }) };
}
