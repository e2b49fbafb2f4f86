/** `npm run chaos`: real processes that are killed, paused, cut off and starved, and what became of the promises. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseOptions, USAGE, UsageError, type ChaosOptions } from './options.js';
import { makeReport, renderReport } from './report.js';
import { runChaos } from './run/run.js';
import { runSelfTest } from './self-test/self-test.js';

const print = (line: string) => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  let options: ChaosOptions | 'help';
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n${USAGE}\n`);
    return 2;
  }
  if (options === 'help') {
    print(USAGE);
    return 0;
  }
  if (options.selfTest) return (await runSelfTest(print)) ? 0 : 1;

  const { planHash, folder, evidence, skipped } = await runChaos(options, print);
  const report = makeReport(evidence);
  const { seed, minutes } = options;
  const json = JSON.stringify({ seed, minutes, planHash, skipped, ...report }, undefined, 2);
  for (const file of [join(folder, 'report.json'), ...(options.json === undefined ? [] : [options.json])]) {
    writeFileSync(file, `${json}\n`);
  }
  writeFileSync(join(folder, 'evidence.json'), JSON.stringify(evidence));
  print(`\n${renderReport(report)}`);
  if (skipped.length > 0) print(`\nSkipped, because nothing can be mounted here: ${skipped.join(', ')}`);
  print(`\nEvidence: ${folder}`);
  return report.passed ? 0 : 1;
}

process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));
process.exit(await main());
