/** How data leave the command line: tables for people, JSON for programs. */
import { Option } from 'commander';
import { paintFor, widthOf, type Terminal } from './terminal.js';
import type { TableStyle } from './tables.js';

export type OutputFormat = 'table' | 'json' | 'jsonl';

export const outputOption = () =>
  new Option('-o, --output <format>', 'table for people; json, or jsonl (one object a line), for programs')
    .choices(['table', 'json', 'jsonl'])
    .default('table');

export const tableStyleOf = ({ stdout, env }: Terminal): TableStyle => ({
  columns: widthOf(stdout),
  paint: paintFor(stdout, env),
});

/** Prints several records in `format`; `table` makes the table when that is it. */
export function printRecords(
  terminal: Terminal,
  format: OutputFormat,
  records: readonly unknown[],
  table: (style: TableStyle) => string,
): void {
  switch (format) {
    case 'table':
      terminal.stdout.write(table(tableStyleOf(terminal)));
      return;
    case 'json':
      terminal.stdout.write(`${JSON.stringify(records, null, 2)}\n`);
      return;
    case 'jsonl':
      for (const record of records) terminal.stdout.write(`${JSON.stringify(record)}\n`);
      return;
    default:
      throw new Error(format satisfies never);
  }
}

/** Prints the one record that a command is about. */
export function printRecord(
  terminal: Terminal,
  format: OutputFormat,
  record: unknown,
  table: (style: TableStyle) => string,
): void {
  if (format === 'json') terminal.stdout.write(`${JSON.stringify(record, null, 2)}\n`);
  else printRecords(terminal, format, [record], table);
}
