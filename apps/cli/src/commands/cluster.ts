/** `triumvir cluster`: who leads, who is there, and what the executors do. */
import type { Command } from 'commander';
import type { CommandContext } from '../context.js';
import { outputOption, printRecord, type OutputFormat } from '../output.js';
import { clusterTables } from '../tables.js';

export function addClusterCommand(program: Command, context: CommandContext): void {
  program
    .command('cluster')
    .summary('show leaders, members and executors')
    .description('Shows the elections with their leaders, the members of each service, and the executors.')
    .addOption(outputOption())
    .action(async ({ output }: { readonly output: OutputFormat }) => {
      const cluster = await context.api().getCluster();
      printRecord(context.terminal, output, cluster, (style) => clusterTables(cluster, style));
    });
}
