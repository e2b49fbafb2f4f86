/** What differs between two definitions of a schedule, field by field, for people who want to know before they apply one. */
import { isDeepStrictEqual } from 'node:util';
import type { Json } from '#common/domain/job.js';
import type { Change, DefinitionView } from './schedule.views.js';

/** The fields of the job are compared one by one, its payload as a whole. */
export function changesBetween(before: Partial<DefinitionView>, after: DefinitionView): Change[] {
  const [old, wanted] = [flat(before), flat(after)];
  const fields = new Set([...old.keys(), ...wanted.keys()]);
  return [...fields]
    .map((field) => ({ field, before: old.get(field) ?? null, after: wanted.get(field) ?? null }))
    .filter((change) => !isDeepStrictEqual(change.before, change.after));
}

/** Fields that a definition leaves out count as null. */
function flat({ job, ...rest }: Partial<DefinitionView>): Map<string, Json> {
  const ofJob = Object.entries<Json>(job ?? {}).map(([field, value]): [string, Json] => [
    `job.${field}`,
    value,
  ]);
  const ofSchedule = Object.entries<Json | undefined>(rest).map(([field, value]): [string, Json] => [
    field,
    value ?? null,
  ]);
  return new Map([...ofSchedule, ...ofJob]);
}
