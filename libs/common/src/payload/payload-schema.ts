/**
 * JSON Schemas of payloads: executors announce them, and so do workers outside; the store refuses what does not fit, and
 * executors look once more before they run. Draft 2020-12, or draft-07 where `$schema` says so.
 */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { Ajv, type ErrorObject, type Options } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Json } from '#common/domain/job.js';
import { BudgetExceeded, withinBudget } from './within-budget.js';

export type JsonSchema = { readonly [key: string]: Json };

/** What is wrong with one field of a payload. */
export interface PayloadFault {
  /** Path inside the payload; empty for the payload as a whole. */
  readonly path: readonly string[];
  readonly message: string;
  /** What would have been accepted, where that can be listed. */
  readonly allowed?: readonly (string | number)[];
}

/** @returns what does not fit; nothing when all does */
export type PayloadCheck = (payload: unknown) => PayloadFault[];

/** Formats that are checked; every other one is a hint for people. */
const FORMATS: Readonly<Record<string, (text: string) => boolean>> = {
  uri: (text) => URL.canParse(text),
  email: (text) => /^[^\s@]+@[^\s@]+$/.test(text),
  uuid: (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text),
  'date-time': (text) => /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d/.test(text) && !Number.isNaN(Date.parse(text)),
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)),
  ipv4: isIPv4,
  ipv6: isIPv6,
  ip: (text) => isIP(text) !== 0,
};

const OPTIONS: Options = {
  allErrors: true,
  verbose: true,
  // What a schema says beyond the standard is its author's affair.
  strict: false,
  logger: false,
  ownProperties: true,
  // Else what is referred to is written out at every place: fifty references can become gigabytes of code.
  inlineRefs: false,
  formats: FORMATS,
};

/** Faults that are looked at; explaining alternatives takes the square of their number. */
const MOST_FAULTS = 500;
/** How long one check with a schema of somebody else's may take, in milliseconds. */
const CHECK_BUDGET_MS = 250;
/** For so long nothing is checked with a schema that took longer, in milliseconds: a batch may have 10,000 payloads. */
const REST_MS = 10_000;

const DRAFT_07 = /^https?:\/\/json-schema\.org\/draft-07\/schema#?$/;

/** No other document is fetched. @throws Error when it is no such schema */
export function compilePayloadSchema(schema: JsonSchema): PayloadCheck {
  if ('$async' in schema) throw new Error('$async is not supported');
  const { $schema } = schema;
  const isDraft07 = typeof $schema === 'string' && DRAFT_07.test($schema);
  // A compiler for each: what one schema defines must not be seen by another.
  const fits = (isDraft07 ? new Ajv(OPTIONS) : new Ajv2020(OPTIONS)).compile(schema);
  return (payload) => {
    try {
      return fits(payload) ? [] : withoutDetours((fits.errors ?? []).slice(0, MOST_FAULTS)).map(faultOf);
    } catch {
      // A schema that refers to itself without end.
      return [{ path: [], message: 'cannot be checked with the schema of its type' }];
    }
  };
}

/**
 * The same for a schema of somebody who may not hold up this process: a check that takes too long is cut off, and its
 * payload does not fit.
 */
export function bounded(check: PayloadCheck): PayloadCheck {
  let restsUntil = -Infinity;
  return (payload) => {
    if (performance.now() >= restsUntil) {
      try {
        return withinBudget(CHECK_BUDGET_MS, () => check(payload));
      } catch (error) {
        if (!(error instanceof BudgetExceeded)) throw error;
        restsUntil = performance.now() + REST_MS;
      }
    }
    return [
      { path: [], message: 'takes too long to be checked with the schema of its type; simplify the schema' },
    ];
  };
}

function faultOf({
  keyword,
  instancePath,
  params,
  message,
  parentSchema,
  propertyName,
}: ErrorObject): PayloadFault {
  const path = instancePath.split('/').slice(1).map(unescaped);
  if (propertyName !== undefined)
    return { path: [...path, propertyName], message: `is not a name that fits: ${message ?? ''}` };
  switch (keyword) {
    case 'required': {
      const { missingProperty } = params as { missingProperty: string };
      const type = (parentSchema?.['properties'] as Record<string, JsonSchema> | undefined)?.[
        missingProperty
      ]?.['type'];
      return {
        path: [...path, missingProperty],
        message: typeof type === 'string' ? `is required (${type})` : 'is required',
      };
    }
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const name = (params['additionalProperty'] ?? params['unevaluatedProperty']) as string;
      const allowed = Object.keys((parentSchema?.['properties'] ?? {}) as object);
      return {
        path: [...path, name],
        message: notKnown(allowed),
        ...(allowed.length > 0 ? { allowed } : {}),
      };
    }
    case 'enum':
    case 'const': {
      const values = (keyword === 'enum' ? params['allowedValues'] : [params['allowedValue']]) as Json[];
      const allowed = values.map((value) => (typeof value === 'number' ? value : textOf(value)));
      return { path, message: `must be one of ${allowed.join(', ')}`, allowed };
    }
    case 'type':
      return { path, message: `must be ${String(params['type']).replaceAll(',', ' or ')}` };
    default:
      return { path, message: message ?? 'does not fit' };
  }
}

function notKnown(allowed: readonly string[]): string {
  return allowed.length > 0
    ? `is not a known field; there are ${allowed.join(', ')}`
    : 'is not a known field';
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Of alternatives of which none fits, tells of the one that came closest, which says most about what is wrong. */
function withoutDetours(errors: readonly ErrorObject[]): ErrorObject[] {
  let left = [...errors];
  for (const union of errors) {
    if ((union.keyword !== 'anyOf' && union.keyword !== 'oneOf') || !left.includes(union)) continue;
    const branches = new Map<string, ErrorObject[]>();
    for (const error of left.filter((each) => isBelow(each, union))) {
      const branch = error.schemaPath
        .slice(union.schemaPath.length + 1)
        .split('/', 1)
        .join();
      branches.set(branch, [...(branches.get(branch) ?? []), error]);
    }
    const distance = (faults: ErrorObject[]) => (isOtherKind(faults, union) ? Infinity : faults.length);
    const [closest] = [...branches.values()].sort((a, b) => compare(distance(a), distance(b)));
    if (closest === undefined) continue;
    left = left.filter((error) => error !== union && (closest.includes(error) || !isBelow(error, union)));
  }
  // Of a name that does not fit, the reason has been told.
  return left.filter(({ keyword }) => keyword !== 'propertyNames');
}

/** Meant for another kind of value altogether. */
function isOtherKind(faults: readonly ErrorObject[], { instancePath }: ErrorObject): boolean {
  return faults.some((fault) => fault.keyword === 'type' && fault.instancePath === instancePath);
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a - b;
}

function isBelow({ schemaPath, instancePath }: ErrorObject, union: ErrorObject): boolean {
  return schemaPath.startsWith(`${union.schemaPath}/`) && instancePath.startsWith(union.instancePath);
}

/** A JSON pointer's part as it was. */
function unescaped(part: string): string {
  return part.replaceAll('~1', '/').replaceAll('~0', '~');
}
