/** What a person asks of a chaos run. */
import { parseArgs } from 'node:util';

export interface ChaosOptions {
  readonly seed: number;
  readonly minutes: number;
  /** Names of faults, or how such names begin; all faults when empty. */
  readonly faults: readonly string[];
  /** Submissions per second. */
  readonly rate: number;
  /** What a measurement may take beyond a bound, besides the machine's own slowness, in milliseconds. */
  readonly slackMs: number;
  /** Where to write the report as JSON. */
  readonly json: string | undefined;
  readonly selfTest: boolean;
}

export const USAGE = `npm run chaos -- [options]
  --seed N       which random workload and faults (default 1)
  --minutes M    how long faults are injected (default 5)
  --faults a,b   only faults whose names begin so (default: all)
  --rate R       submissions per second (default 20)
  --slack MS     tolerance of each bound (default 500)
  --json FILE    write the report there too
  --self-test    switch off each guard of the protocol in turn, and show that a checker notices
  --help`;

/** Thrown for arguments that make no sense; its message says which. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** @returns 'help' when that was asked for. @throws UsageError */
export function parseOptions(args: readonly string[]): ChaosOptions | 'help' {
  const values = valuesOf(args);
  if (values.help === true) return 'help';
  return {
    seed: numberOf('--seed', values.seed ?? '1', 0),
    minutes: numberOf('--minutes', values.minutes ?? '5', 0.1),
    faults: (values.faults ?? '').split(',').filter((name) => name !== ''),
    rate: numberOf('--rate', values.rate ?? '20', 1),
    slackMs: numberOf('--slack', values.slack ?? '500', 0),
    json: values.json,
    selfTest: values['self-test'] ?? false,
  };
}

function valuesOf(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        seed: text,
        minutes: text,
        faults: text,
        rate: text,
        slack: text,
        json: text,
        'self-test': flag,
        help: flag,
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function numberOf(option: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < least) {
    throw new UsageError(`${option} takes a number of at least ${least}, not "${text}"`);
  }
  return value;
}
