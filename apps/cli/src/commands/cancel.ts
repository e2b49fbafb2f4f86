/** `triumvir cancel`: ends jobs before their own end. */
import type { Command } from 'commander';
import type { Job } from '../answers.js';
import { mapConcurrently } from '../concurrency.js';
import { REQUESTS_AT_ONCE, type CommandContext } from '../context.js';
import { ExitCode, exitCodeOf } from '../exit-codes.js';
import { outputOption, printRecords, type OutputFormat } from '../output.js';
import { ProblemError } from '#client/errors.js';
import { idsTable } from '../tables.js';
import { waitForJobs } from '../wait-for-jobs.js';

export function addCancelCommand(program: Command, context: CommandContext): void {
  program
    .command('cancel')
    .summary('cancel jobs')
    .description('Cancels jobs. A job that runs is told to end; `triumvir wait` says when it has.')
    .argument('<id...>', 'ids of the jobs')
    .option('--wait', 'wait until those that run have ended')
    .addOption(outputOption())
    .action(async (ids: string[], { wait, output }: { wait?: true; readonly output: OutputFormat }) => {
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
      if (wait === true && cancelled.length > 0) {
        const code = await waitForJobs(context, cancelled, { format: output });
        // That they did not succeed is what was wanted.
        if (code !== ExitCode.jobNotSucceeded) context.exitWith(code);
        return;
      }
      if (cancelled.length > 0 || output !== 'table') {
        printRecords(terminal, output, cancelled, (style) => idsTable(cancelled, style));
      }
    });
}
