/** `triumvir wait`: waits until jobs have ended. */
import { Option, type Command } from 'commander';
import { checkedBy } from '../arguments.js';
import { mapConcurrently } from '../concurrency.js';
import { REQUESTS_AT_ONCE, type CommandContext } from '../context.js';
import { durationMs } from '../new-job.js';
import { outputOption, type OutputFormat } from '../output.js';
import { waitForJobs } from '../wait-for-jobs.js';

interface WaitFlags {
  readonly timeout?: number;
  readonly output: OutputFormat;
}

export function addWaitCommand(program: Command, context: CommandContext): void {
  program
    .command('wait')
    .summary('wait for jobs to end')
    .description('Follows jobs to their end and says what became of them. Ctrl-C leaves them running.')
    .argument('<id...>', 'ids of the jobs')
    .addOption(
      new Option('--timeout <duration>', 'wait no longer than this: 30s, 5m, 2h').argParser(
        checkedBy(durationMs),
      ),
    )
    .addOption(outputOption())
    .action(async (ids: string[], { timeout, output }: WaitFlags) => {
      const api = context.api();
      const jobs = await mapConcurrently([...new Set(ids)], REQUESTS_AT_ONCE, (id) => api.getJob(id));
      context.exitWith(await waitForJobs(context, jobs, { format: output, timeoutMs: timeout }));
    });
}
