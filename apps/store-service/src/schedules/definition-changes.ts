/** What differs between two definitions of a schedule, field by field, for people who want to know before they apply one. */
import { isDeepStrictEqual } from 'node:util';
import type { Json } from '#common/domain/job.js';
import type { DefinitionView } from './schedule.presenter.js';

export interface Change {
  /** Path of the field, such as `job.payload`. */
  readonly field: string;
  /** Null where there was nothing. */
  readonly before: Json;
  readonly after: Json;
}

/** The fields of the job are compared one by one, its payload as a whole. */
export function changesBetween(before: DefinitionView, after: DefinitionView): Change[] {
  const [old, wanted] = [flat(before), flat(after)];
  const fields = new Set([...old.keys(), ...wanted.keys()]);
  return [...fields]
    .map((field) => ({ field, before: old.get(field) ?? null, after: wanted.get(field) ?? null }))
    .filter((change) => !isDeepStrictEqual(change.before, change.after));
}

function flat({ job, ...rest }: DefinitionView): Map<string, Json> {
  const ofJob = Object.entries((job ?? {}) as Readonly<Record<string, Json>>);
  return new Map([
    ...Object.entries(rest),
    ...ofJob.map(([field, value]): [string, Json] => [`job.${field}`, value]),
  ]);
}
