/** JSON that Postgres can hold as jsonb: neither NUL nor half a surrogate pair in any text, and not nested without end. */
import { z } from 'zod';
import type { Json } from '#common/domain/job.js';

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

function findFault(value: unknown, path: (string | number)[]): Fault | undefined {
  if (path.length > MAX_DEPTH)
    return { path: [], message: `must not be nested deeper than ${MAX_DEPTH} levels` };
  if (typeof value === 'string') return textFault(value, path);
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, item] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    const fault = textFault(key, path) ?? findFault(item, at);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function textFault(text: string, path: (string | number)[]): Fault | undefined {
  if (text.includes('\0')) return { path, message: 'must not contain NUL characters' };
  if (!text.isWellFormed()) return { path, message: 'must be valid Unicode' };
  return undefined;
}
