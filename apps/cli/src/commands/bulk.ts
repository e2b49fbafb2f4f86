/** `triumvir bulk`: one thing done to all jobs that fit a filter, in the background of the store. */
import { JOB_STATES, PRIORITY } from '#common/domain/job.js';
import { Option, type Command } from 'commander';
import { z } from 'zod';
import type { BulkOperation } from '../answers.js';
import type { BulkJobFilter, BulkRequest } from '../api.js';
import { checkedBy, wholeNumber } from '../arguments.js';
import { bulkLine, bulkTable } from '../bulk-tables.js';
import type { CommandContext } from '../context.js';
import { ExitCode, UsageError } from '../exit-codes.js';
import { outputOption, printRecord, printRecords, type OutputFormat } from '../output.js';
import { waitForBulk } from '../wait-for-bulk.js';

interface BulkFlags {
  readonly query?: string;
  readonly state?: string;
  readonly type?: string;
  readonly queue?: string;
  readonly tag?: string;
  readonly all?: true;
  readonly dryRun?: true;
  readonly wait?: true;
  readonly output: OutputFormat;
}

const attempts = wholeNumber.pipe(z.int().min(1).max(100, { error: 'must be from 1 to 100' }));
const priority = wholeNumber.pipe(
  z
    .int()
    .min(PRIORITY.most)
    .max(PRIORITY.least, { error: `must be from ${PRIORITY.most} to ${PRIORITY.least}` }),
);
const limit = wholeNumber.pipe(z.int().min(1).max(200, { error: 'must be from 1 to 200' }));
const states = z
  .string()
  .refine((text) => text.split(',').every((state) => (JOB_STATES as readonly string[]).includes(state)), {
    error: `must be of ${JOB_STATES.join(', ')}, with commas between`,
  });

export function addBulkCommand(program: Command, context: CommandContext): void {
  const bulk = program
    .command('bulk')
    .summary('cancel, retry, delete or reprioritise many jobs')
    .description(
      'Does one thing to all jobs that fit a filter, in the background.\n\n' +
        `Example: triumvir bulk cancel --queue mail -q 'payload.customer:42' --dry-run`,
    );

  withFilter(bulk.command('cancel').summary('end all jobs that fit')).action((flags: BulkFlags) =>
    begin(context, { action: 'cancel' }, flags),
  );
  withFilter(bulk.command('retry').summary('make all dead jobs that fit due again'))
    .addOption(
      new Option('--attempts <number>', 'further attempts for each')
        .argParser(checkedBy(attempts))
        .default(4),
    )
    .action(({ attempts, ...flags }: BulkFlags & { attempts: number }) =>
      begin(context, { action: 'retry', attempts }, flags),
    );
  withFilter(bulk.command('delete').summary('delete all jobs that fit and have ended')).action(
    (flags: BulkFlags) => begin(context, { action: 'delete' }, flags),
  );
  withFilter(bulk.command('reprioritise').summary('give all jobs that fit another priority'))
    .addOption(
      new Option('--priority <number>', '0 is the most urgent, 9 the least')
        .argParser(checkedBy(priority))
        .makeOptionMandatory(),
    )
    .action(({ priority, ...flags }: BulkFlags & { priority: number }) =>
      begin(context, { action: 'reprioritise', priority }, flags),
    );

  bulk
    .command('list')
    .summary('list bulk operations')
    .addOption(new Option('--limit <number>', 'at most this many').argParser(checkedBy(limit)).default(20))
    .addOption(outputOption())
    .action(async ({ limit, output }: { limit: number; output: OutputFormat }) => {
      const { operations } = await context.api().listBulk(limit);
      printRecords(context.terminal, output, operations, (style) => bulkTable(operations, style));
    });
  bulk
    .command('get')
    .summary('how far a bulk operation has come')
    .argument('<id>', 'id of the operation')
    .option('--wait', 'until it has ended')
    .addOption(outputOption())
    .action(async (id: string, { wait, output }: { wait?: true; output: OutputFormat }) => {
      await show(context, await context.api().getBulk(id), wait, output);
    });
  bulk
    .command('stop')
    .summary('stop a bulk operation; what it has done stays done')
    .argument('<id>', 'id of the operation')
    .addOption(outputOption())
    .action(async (id: string, { output }: { output: OutputFormat }) => {
      print(context, await context.api().cancelBulk(id), output);
    });
}

function withFilter(command: Command): Command {
  return command
    .option('-q, --query <query>', 'jobs that fit, in the words of triumvir list -q')
    .addOption(
      new Option(
        '--state <states>',
        'jobs in this state, or in one of several with commas between',
      ).argParser(checkedBy(states)),
    )
    .option('--type <type>', 'jobs of this type')
    .option('--queue <queue>', 'jobs of this queue')
    .option('--tag <tags>', 'jobs with this tag, or with all of several with commas between')
    .option('--all', 'every job')
    .option('--dry-run', 'only count')
    .option('--wait', 'until it has ended')
    .addOption(outputOption());
}

/** @throws UsageError when nothing says which jobs are meant */
function meant({ query, state, type, queue, tag, all }: BulkFlags): BulkJobFilter {
  const filter = { q: query, state: state?.split(','), type, queue, tag: tag?.split(',') };
  if (all !== true && Object.values(filter).every((value) => value === undefined))
    throw new UsageError('say which: a filter such as --queue or -q, or --all');
  return filter;
}

async function begin(
  context: CommandContext,
  action: Pick<BulkRequest, 'action' | 'attempts' | 'priority'>,
  flags: BulkFlags,
): Promise<void> {
  const request = { ...action, filter: meant(flags), all: flags.all };
  if (flags.dryRun !== true) {
    await show(context, await context.api().createBulk(request), flags.wait, flags.output);
    return;
  }
  const count = await context.api().countBulk(request);
  const byState = Object.entries(count.byState).map(([state, jobs]) => `${jobs} ${state}`);
  const rest =
    count.countedBackTo === null ? '' : `, and older jobs than ${count.countedBackTo} were not counted`;
  printRecord(
    context.terminal,
    flags.output,
    count,
    () => `${count.matched} match${byState.length === 0 ? '' : `: ${byState.join(', ')}`}${rest}\n`,
  );
}

async function show(
  context: CommandContext,
  operation: BulkOperation,
  wait: true | undefined,
  output: OutputFormat,
): Promise<void> {
  const latest = wait === true ? await waitForBulk(context, operation) : operation;
  print(context, latest, output);
  if (latest.state === 'failed' || (wait === true && latest.state === 'cancelled'))
    context.exitWith(ExitCode.failure);
}

function print({ terminal }: CommandContext, operation: BulkOperation, output: OutputFormat): void {
  printRecord(terminal, output, operation, (style) =>
    operation.state === 'done' ? `${bulkLine(operation)}\n` : bulkTable([operation], style),
  );
}
