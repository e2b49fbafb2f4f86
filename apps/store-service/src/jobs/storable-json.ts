/** JSON that Postgres can hold as jsonb: neither NUL nor half a surrogate pair in any text, and not nested without end. */
import { z } from 'zod';
import type { Json } from '#common/domain/job.js';
import { shownAs } from '../http/shown-as.js';

const MAX_DEPTH = 64;

interface Fault {
  readonly path: (string | number)[];
  readonly message: string;
}

export const storableJson = z.unknown().transform((value, context): Json => {
  const fault = findFault(value, []);
  if (fault === undefined) return value as Json;
  context.issues.push({ code: 'custom', path: fault.path, message: fault.message, input: value });
  return z.NEVER;
});

/** An object of such JSON. Its names are checked too, which a record of `storableJson` would not do. */
export const storableObject = shownAs(
  z
    .record(z.string(), z.unknown())
    .transform((value): unknown => value)
    .pipe(storableJson)
    .transform((value) => value as { readonly [key: string]: Json }),
  { type: 'object', additionalProperties: {} },
);

function findFault(value: unknown, path: (string | number)[]): Fault | undefined {
  if (path.length > MAX_DEPTH)
    return { path: [], message: `must not be nested deeper than ${MAX_DEPTH} levels` };
  if (typeof value === 'string') return textFault(value, path);
  // 1e999 in JSON is Infinity, which would be stored as null.
  if (typeof value === 'number' && !Number.isFinite(value))
    return { path, message: 'must be a finite number' };
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, item] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    const fault = nameFault(key, path) ?? findFault(item, at);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** A field of that name would be the prototype of whatever it is copied to. */
function nameFault(name: string, path: (string | number)[]): Fault | undefined {
  if (name === '__proto__') return { path, message: 'must not have a field __proto__' };
  return textFault(name, path);
}

function textFault(text: string, path: (string | number)[]): Fault | undefined {
  if (text.includes('\0')) return { path, message: 'must not contain NUL characters' };
  if (!text.isWellFormed()) return { path, message: 'must be valid Unicode' };
  return undefined;
}
