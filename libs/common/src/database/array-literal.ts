/**
 * Arrays as Postgres reads them from text. Prisma looks at each item of an array parameter several times on its way; for the
 * thousands of values of a batch that costs more than all else that Node does for them.
 */

export type ArrayItem = string | number | boolean | null | undefined;

const SPECIAL = /["\\]/g;

/** NULL stands for null and undefined. */
export function arrayLiteral(items: readonly ArrayItem[]): string {
  return `{${items.map(element).join(',')}}`;
}

function element(item: ArrayItem): string {
  if (item === null || item === undefined) return 'NULL';
  if (typeof item !== 'string') return String(item);
  return `"${item.replace(SPECIAL, '\\$&')}"`;
}
