/** `triumvir doctor`: looks at everything that has to be right, and says what to do about what is not. */
import type { Command } from 'commander';
import type { CommandContext } from '../context.js';
import { lookAtCluster } from '../doctor/cluster.js';
import { findingsText, type Finding } from '../doctor/finding.js';
import { lookAtNode, lookAtProfiles, lookAtSettings } from '../doctor/here.js';
import { lookAtKey } from '../doctor/key.js';
import { lookAtServers } from '../doctor/servers.js';
import { lookAtStore } from '../doctor/store.js';
import { ExitCode } from '../exit-codes.js';
import { outputOption, printRecords, type OutputFormat } from '../output.js';

export function addDoctorCommand(program: Command, context: CommandContext): void {
  program
    .command('doctor')
    .summary('look at everything that has to be right')
    .description(
      'Looks at this program, the store, what the store says of its servers, leaders, executors, the API key, clocks and migrations; and at Postgres, Redis and ZooKeeper directly where their addresses are set, in the environment or in a .env file here. Each line is ok, warn or fail; a failure makes the exit code 1.',
    )
    .addOption(outputOption())
    .action(async ({ output }: { readonly output: OutputFormat }) => {
      const findings = await examine(context);
      printRecords(context.terminal, output, findings, (style) => findingsText(findings, style));
      if (findings.some(({ status }) => status === 'fail')) context.exitWith(ExitCode.failure);
    });
}

async function examine(context: CommandContext): Promise<Finding[]> {
  const { env } = context.terminal;
  const { finding, settings } = lookAtSettings(env);
  const here = [lookAtNode(process.version), finding, lookAtProfiles(env)];
  const { url, apiKey } = context.storeAddress();
  const [store, servers] = await Promise.all([
    lookAtStore(url.value, url.from, context.signal),
    lookAtServers(settings),
  ]);
  const isThere = store.some(({ check, status }) => check === 'store' && status === 'ok');
  if (!isThere) return [...here, ...store, ...servers];
  // What is wrong is to be told now, not tried again for a while.
  const api = context.api().with({ patienceMs: 0 });
  return [...here, ...store, await lookAtKey(api, apiKey?.from), ...(await lookAtCluster(api)), ...servers];
}
