/** `triumvir dlq`: the dead-letter queue. Looks through it, drives its jobs again, or does away with them. */
import { Option, type Command } from 'commander';
import { z } from 'zod';
import type { BulkResult, Job } from '../answers.js';
import type { DeadLetterFilter } from '../api.js';
import { checkedBy, wholeNumber } from '../arguments.js';
import { REQUESTS_AT_ONCE, type CommandContext } from '../context.js';
import { mapConcurrently } from '../concurrency.js';
import { ExitCode, exitCodeOf, UsageError } from '../exit-codes.js';
import { outputOption, printRecord, printRecords, type OutputFormat } from '../output.js';
import { ProblemError } from '#client/errors.js';
import { idsTable, jobsTable } from '../tables.js';
import { waitForJobs } from '../wait-for-jobs.js';

interface BulkFlags extends DeadLetterFilter {
  readonly all?: true;
  readonly dryRun?: true;
}

interface RedriveFlags extends BulkFlags {
  readonly attempts: number;
  readonly wait?: true;
  readonly output: OutputFormat;
}

const attempts = wholeNumber.pipe(z.int().min(1).max(100, { error: 'must be from 1 to 100' }));
const limit = wholeNumber.pipe(z.int().min(1).max(200, { error: 'must be from 1 to 200' }));

export function addDlqCommand(program: Command, context: CommandContext): void {
  const dlq = program.command('dlq').summary('look after dead jobs').description('The dead-letter queue.');

  withFilter(dlq.command('list').summary('list dead jobs'))
    .addOption(new Option('--limit <number>', 'at most this many').argParser(checkedBy(limit)).default(50))
    .addOption(outputOption())
    .action(
      async ({ limit, output, ...filter }: DeadLetterFilter & { limit: number; output: OutputFormat }) => {
        const { jobs, nextCursor } = await context.api().listDeadLetters(filter, limit);
        printRecords(context.terminal, output, jobs, (style) => jobsTable(jobs, style, Date.now()));
        if (nextCursor !== null) context.terminal.stderr.write('there are more: use --limit or a filter\n');
      },
    );

  withBulk(dlq.command('redrive').summary('try dead jobs again'))
    .description('Makes dead or held jobs due now: those named, or all that match.')
    .argument('[id...]', 'ids of jobs')
    .addOption(
      new Option('--attempts <number>', 'further attempts for each')
        .argParser(checkedBy(attempts))
        .default(4),
    )
    .option('--wait', 'wait for the end of those that are named')
    .addOption(outputOption())
    .action(async (ids: string[], flags: RedriveFlags) => {
      const { attempts, wait, output: _output, ...bulk } = flags;
      if (wait === true && ids.length === 0) throw new UsageError('--wait needs the ids of jobs');
      if (ids.length > 0) await redriveNamed(context, ids, flags);
      else printResult(context, await context.api().redrive({ ...meant(bulk), attempts }), flags);
    });

  withBulk(dlq.command('purge').summary('delete dead jobs'))
    .description('Deletes all dead jobs that match, with their history and output.')
    .addOption(outputOption())
    .action(async ({ output, ...bulk }: BulkFlags & { output: OutputFormat }) =>
      printResult(context, await context.api().purge(meant(bulk)), { ...bulk, output }),
    );
}

function withFilter(command: Command): Command {
  return command
    .option('--type <type>', 'only jobs of this type')
    .option('--queue <queue>', 'only jobs of this queue')
    .option('--error <name>', 'only jobs that this error ended, such as CommandFailed')
    .option('--failed-before <time>', 'only jobs that died before this time (ISO 8601 with offset)')
    .option('--failed-after <time>', 'only jobs that died after this time');
}

function withBulk(command: Command): Command {
  return withFilter(command).option('--all', 'every dead job').option('--dry-run', 'only count');
}

/** @throws UsageError when nothing says which jobs are meant */
function meant(flags: BulkFlags): BulkFlags {
  const { all, dryRun: _dryRun, ...filter } = flags;
  if (all !== true && Object.values(filter).every((value) => value === undefined)) {
    throw new UsageError('say which: ids, a filter such as --type, or --all');
  }
  return flags;
}

/** One job that cannot be driven again does not keep the others from it. */
async function redriveNamed(
  context: CommandContext,
  ids: readonly string[],
  { attempts, wait, output }: RedriveFlags,
): Promise<void> {
  const redriven: Job[] = [];
  const api = context.api();
  await mapConcurrently([...new Set(ids)], REQUESTS_AT_ONCE, async (id) => {
    try {
      redriven.push(await api.redriveJob(id, attempts));
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      context.terminal.stderr.write(`error: ${id}: ${error.message}\n`);
      context.exitWith(exitCodeOf(error));
    }
  });
  if (wait === true && redriven.length > 0)
    context.exitWith(await waitForJobs(context, redriven, { format: output }));
  else printRecords(context.terminal, output, redriven, (style) => idsTable(redriven, style));
}

function printResult(
  { terminal, exitWith }: CommandContext,
  result: BulkResult,
  { dryRun, output }: { readonly dryRun?: true; readonly output: OutputFormat },
): void {
  const { matched } = result;
  const done = result.redriven ?? result.purged ?? 0;
  const verb = result.redriven === undefined ? 'purged' : 're-driven';
  printRecord(terminal, output, result, () =>
    dryRun === true ? `${matched} match\n` : `${done} of ${matched} ${verb}\n`,
  );
  // Jobs that were left alone, because their unique key is taken, are bad news.
  if (dryRun !== true && done < matched) exitWith(ExitCode.failure);
}
