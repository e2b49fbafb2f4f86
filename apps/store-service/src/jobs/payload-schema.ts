/**
 * What the payloads of a type must look like, from the JSON Schema that was announced with it: by executors, whose schemas
 * come from zod and go back there, or for workers outside, whose schemas may use all that JSON Schema has.
 */
import { Ajv, type ErrorObject, type Options } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { z } from 'zod';
import type { Json } from '#common/domain/job.js';
import type { FieldProblem } from '../http/problem.js';
import { fieldProblems } from '../http/validation.js';

type Schema = Readonly<Record<string, Json>>;

/** @param path of the payload in the request. @returns what does not fit; nothing when all does */
export type PayloadCheck = (payload: Json, path: readonly string[]) => FieldProblem[];

const OPTIONS: Options = { strict: false, validateFormats: false, logger: false, validateSchema: true };
const DRAFT_07 = /^https?:\/\/json-schema\.org\/draft-07\/schema#?$/;

export function executorPayloads(schema: Schema): PayloadCheck {
  const payloads = z.fromJSONSchema(schema);
  return (payload, path) => {
    const parsed = payloads.safeParse(payload, { reportInput: true });
    return parsed.success ? [] : fieldProblems(parsed.error.issues, path);
  };
}

/**
 * Draft 2020-12, or draft-07 when `$schema` says so. `format` is a comment, and no other document is fetched.
 * @throws Error when it is no such schema
 */
export function workerPayloads(schema: Schema): PayloadCheck {
  const { $schema } = schema;
  // A compiler for each: what one schema defines must not be seen by another.
  const ajv = typeof $schema === 'string' && DRAFT_07.test($schema) ? new Ajv(OPTIONS) : new Ajv2020(OPTIONS);
  if ('$async' in schema) throw new Error('$async is not supported');
  const fits = ajv.compile(schema);
  return (payload, path) => {
    try {
      return fits(payload) ? [] : (fits.errors ?? []).map((error) => problemOf(error, path));
    } catch {
      // A schema that refers to itself without end.
      return [{ field: path.join('.'), message: 'cannot be checked with the schema of its type' }];
    }
  };
}

function problemOf(error: ErrorObject, path: readonly string[]): FieldProblem {
  const {
    instancePath,
    keyword,
    params,
    message = 'is not allowed',
  } = error as ErrorObject<string, Readonly<Record<string, unknown>>>;
  const at = [...path, ...instancePath.split('/').slice(1).map(unescapePointer)];
  const missing = keyword === 'required' ? params['missingProperty'] : undefined;
  if (typeof missing === 'string') return { field: [...at, missing].join('.'), message: 'is required' };
  const surplus = keyword === 'additionalProperties' ? params['additionalProperty'] : undefined;
  if (typeof surplus === 'string')
    return { field: [...at, surplus].join('.'), message: 'is not a known field' };
  const field = at.join('.');
  const allowed = keyword === 'enum' ? params['allowedValues'] : undefined;
  if (!Array.isArray(allowed)) return { field, message };
  const values = allowed.map((value: unknown) => (typeof value === 'number' ? value : String(value)));
  return { field, message: `must be one of ${values.join(', ')}`, allowed: values };
}

/** A reference token of RFC 6901 as the name that it stands for. */
function unescapePointer(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
}
