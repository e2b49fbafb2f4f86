/** `npm run bench`: measures every row of the table in docs/PERFORMANCE.md on servers and services of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { complain } from '#tools/screen.js';
import { parseOptions, USAGE, type Options } from './options.js';
import { isMet } from './report/result.js';
import { renderTable, type Outcome } from './report/table.js';
import { MEASUREMENTS } from './rows/all.js';
import { Servers } from './stand/servers.js';

/** No row may hang: each of its waits is bounded, and this bounds whatever was forgotten. */
const ROW_WITHIN_MS = { quick: 3 * 60_000, usual: 15 * 60_000, full: 90 * 60_000 };

async function main(options: Options): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'triumvir-bench-'));
  const servers = await Servers.start(folder);
  // After the servers' own exit handlers have ended them. What they stored is worth nothing; the logs may be.
  let failed = true;
  process.once('exit', () => tidy(folder, failed));
  const outcomes: Outcome[] = [];
  try {
    const machine = `${availableParallelism()} cores, Node ${process.version}; ${await servers.describe()}`;
    process.stdout.write(`${machine}\n`);
    for (const measurement of options.measurements) {
      const startedMs = performance.now();
      const say = (text: string) => process.stdout.write(`${measurement.name.padEnd(10)} ${text}\n`);
      const watchdog = setTimeout(() => {
        say('hangs; the benchmark is given up');
        process.exit(1);
      }, ROW_WITHIN_MS[options.scale]);
      const result = await measurement
        .measure({ servers, runs: options.runs, scale: options.scale, say })
        .catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
      clearTimeout(watchdog);
      if (result instanceof Error) say(result.stack ?? result.message);
      say(`took ${Math.round((performance.now() - startedMs) / 1000)} s`);
      outcomes.push({ measurement, result });
    }
    process.stdout.write(`\n${renderTable(outcomes)}\n${notes(outcomes)}`);
    if (options.json !== undefined) writeJson(options.json, machine, options, outcomes);
  } finally {
    await servers.stop();
  }
  failed = outcomes.some(({ result }) => result instanceof Error);
  return failed ? 1 : 0;
}

/** Deletes what a run has left on the disk. The logs of one that failed stay, and it is said where. */
function tidy(folder: string, keepLogs: boolean): void {
  const parts = keepLogs ? ['postgres', 'redis', 'zookeeper'].map((part) => join(folder, part)) : [folder];
  for (const part of parts) rmSync(part, { recursive: true, force: true, maxRetries: 3 });
  if (keepLogs) process.stdout.write(`logs: ${folder}\n`);
}

function notes(outcomes: readonly Outcome[]): string {
  return outcomes
    .flatMap(({ measurement, result }) =>
      result instanceof Error ? [] : result.notes.map((note) => `${measurement.name}: ${note}\n`),
    )
    .join('');
}

function writeJson(file: string, machine: string, options: Options, outcomes: readonly Outcome[]): void {
  const rows = outcomes.map(({ measurement: { name, goal }, result }) =>
    result instanceof Error
      ? { name, goal, error: result.message }
      : { name, goal, met: result.verdicts.every(isMet), ...result },
  );
  const { runs, scale } = options;
  writeFileSync(file, `${JSON.stringify({ machine, runs, scale, rows }, null, 2)}\n`);
}

try {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    // Whatever was started ends in the exit handlers of those who started it.
    process.on(signal, () => process.exit(130));
  const options = parseOptions(process.argv.slice(2), MEASUREMENTS);
  if (options === 'help') process.stdout.write(`${USAGE}\n`);
  else process.exitCode = await main(options);
} catch (error) {
  complain(error);
  process.exitCode = error instanceof Error && error.name === 'PlainError' ? 2 : 1;
}
// Not by waiting for the event loop: the schema engine's idle connections would hold it for ten more seconds.
process.exit();
