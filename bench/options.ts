/** The command line of `npm run bench`. */
import { parseArgs } from 'node:util';
import { PlainError } from '#tools/screen.js';
import type { Measurement, Scale } from './rows/measurement.js';

export interface Options {
  readonly measurements: readonly Measurement[];
  readonly runs: number;
  readonly scale: Scale;
  /** Where the figures are written, too. */
  readonly json: string | undefined;
}

export const USAGE = `npm run bench -- [NAME...] [--runs N] [--quick | --full] [--json FILE]

  NAME     which rows; all of them unless named
  --runs   turns of each contestant, of which the median counts (default 3)
  --quick  small numbers, one run: shows that everything works, and no more
  --full   the sizes that the goals speak of, for depth and history (adds about half an hour)
  --json   writes every run to a file

BENCH_CPU_PROFILES=folder: every service leaves a CPU profile there.`;

/** @returns what was asked for. @throws PlainError that says what is wrong with the command line */
export function parseOptions(args: readonly string[], known: readonly Measurement[]): Options | 'help' {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        runs: { type: 'string' },
        quick: { type: 'boolean', default: false },
        full: { type: 'boolean', default: false },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new PlainError(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
  }
  const { values, positionals } = parsed;
  if (values.help) return 'help';
  const unknown = positionals.filter((name) => !known.some((measurement) => measurement.name === name));
  if (unknown.length > 0) {
    const names = known.map(({ name }) => name).join(', ');
    throw new PlainError(`There is no row ${unknown.join(', ')}; there are ${names}.\n\n${USAGE}`);
  }
  if (values.quick && values.full) throw new PlainError('--quick and --full exclude each other.');
  const runs = values.runs ?? (values.quick ? '1' : '3');
  if (!/^[1-9]\d?$/.test(runs)) throw new PlainError('--runs must be a whole number from 1 to 99.');
  return {
    measurements: positionals.length === 0 ? known : known.filter(({ name }) => positionals.includes(name)),
    runs: Number(runs),
    scale: values.quick ? 'quick' : values.full ? 'full' : 'usual',
    json: values.json,
  };
}
