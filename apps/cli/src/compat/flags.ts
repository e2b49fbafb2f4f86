/** Flags as Go programs have them: one dash, the value after `=` or as the next argument, a switch may stand alone. */
import { UsageError } from '../exit-codes.js';

/** Names of flags, and whether each is a switch. */
export type FlagTable = Readonly<Record<string, 'text' | 'switch'>>;

const SWITCH_VALUES: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

/** The flags that were given. @throws UsageError naming the argument that is wrong, and what there is */
export function parseFlags<Table extends FlagTable>(
  args: readonly string[],
  table: Table,
): { [Name in keyof Table]?: Table[Name] extends 'switch' ? boolean : string } {
  const given: Record<string, string | boolean> = {};
  const rest = args.values();
  for (const argument of rest) {
    const [, name, value] = /^--?([a-z][a-z-]*)(?:=([\s\S]*))?$/.exec(argument) ?? [];
    const kind = name === undefined || !Object.hasOwn(table, name) ? undefined : table[name];
    if (name === undefined || kind === undefined) {
      const known = Object.keys(table).map((flag) => `-${flag}`);
      throw new UsageError(`${argument} is no flag; there are ${known.join(', ')}`);
    }
    if (kind === 'switch') {
      const on = SWITCH_VALUES.get(value ?? 'true');
      if (on === undefined) throw new UsageError(`-${name}=${value} is wrong: it must be true or false`);
      given[name] = on;
    } else {
      const text: unknown = value ?? rest.next().value;
      if (typeof text !== 'string') throw new UsageError(`-${name} needs a value`);
      given[name] = text;
    }
  }
  return given as ReturnType<typeof parseFlags<Table>>;
}
