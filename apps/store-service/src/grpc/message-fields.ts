/** What messages have in common on their way to what REST takes in a body. */

/** UNIQUE_POLICY_RETURN_EXISTING is return-existing elsewhere; a number without a name stays what it is, to be refused. */
export function wordOf(name: string | number | undefined, prefix: string): string | number | undefined {
  if (typeof name !== 'string') return name;
  const word = name.slice(prefix.length).toLowerCase().replaceAll('_', '-');
  return word === 'unspecified' ? undefined : word;
}

/** A list that is empty cannot be told from one that was not sent. */
export function listOf<Item>(list: readonly Item[] | undefined): readonly Item[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list;
}

/** Whatever is undefined counts as not given. */
export function present(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
