/** `triumvir get`: everything about one job. */
import type { Command } from 'commander';
import type { CommandContext } from '../context.js';
import { outputOption, printRecord, type OutputFormat } from '../output.js';
import { jobDetails } from '../tables.js';

export function addGetCommand(program: Command, context: CommandContext): void {
  program
    .command('get')
    .summary('show a job')
    .description('Shows everything about one job: its settings, its state, its attempts.')
    .argument('<id>', 'id of the job')
    .addOption(outputOption())
    .action(async (id: string, { output }: { readonly output: OutputFormat }) => {
      const job = await context.api().getJob(id);
      printRecord(context.terminal, output, job, (style) => jobDetails(job, style, Date.now()));
    });
}
