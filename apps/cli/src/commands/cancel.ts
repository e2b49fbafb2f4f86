/** `triumvir cancel`: ends jobs before their own end. */
import type { Command } from 'commander';
import type { Job } from '../answers.js';
import { mapConcurrently } from '../concurrency.js';
import { REQUESTS_AT_ONCE, type CommandContext } from '../context.js';
import { exitCodeOf } from '../exit-codes.js';
import { outputOption, printRecords, type OutputFormat } from '../output.js';
import { ProblemError } from '#client/errors.js';
import { idsTable } from '../tables.js';

export function addCancelCommand(program: Command, context: CommandContext): void {
  program
    .command('cancel')
    .summary('cancel jobs')
    .description('Cancels jobs. A job that runs is told to end; `triumvir wait` says when it has.')
    .argument('<id...>', 'ids of the jobs')
    .addOption(outputOption())
    .action(async (ids: string[], { output }: { readonly output: OutputFormat }) => {
      const { terminal } = context;
      const api = context.api();
      const cancelled: Job[] = [];
      // One job that cannot be cancelled does not keep the others from it.
      await mapConcurrently([...new Set(ids)], REQUESTS_AT_ONCE, async (id) => {
        try {
          cancelled.push(await api.cancelJob(id));
        } catch (error) {
          if (!(error instanceof ProblemError)) throw error;
          terminal.stderr.write(`error: ${id}: ${error.message}\n`);
          context.exitWith(exitCodeOf(error));
        }
      });
      if (cancelled.length > 0 || output !== 'table') {
        printRecords(terminal, output, cancelled, (style) => idsTable(cancelled, style));
      }
    });
}
