/** `triumvir schedule`: recurring jobs. Applies a file of them, looks after them, and shows when they are due. */
import { FOLD_POLICIES, GAP_POLICIES } from '#common/domain/recurrence/due-times.js';
import { OUTCOMES } from '#common/domain/firing-plan.js';
import { Option, type Command } from 'commander';
import { z } from 'zod';
import type { Applied, Schedule } from '../answers.js';
import type { StoreApi } from '../api.js';
import { checkedBy, wholeNumber } from '../arguments.js';
import type { CommandContext } from '../context.js';
import { UsageError } from '../exit-codes.js';
import { durationOfFlag, runAt } from '../new-job.js';
import { outputOption, printRecord, printRecords, tableStyleOf, type OutputFormat } from '../output.js';
import { readText } from '../read-text.js';
import { changesText, occurrencesTable, previewTable, schedulesTable } from '../schedule-tables.js';
import { parseSchedulesFile } from '../schedules-file.js';
import { waitForJobs } from '../wait-for-jobs.js';
import { ProblemError } from '#client/errors.js';

interface OutputFlag {
  readonly output: OutputFormat;
}

const upTo = (most: number) =>
  wholeNumber.pipe(
    z
      .int()
      .min(1)
      .max(most, { error: `must be from 1 to ${most}` }),
  );
const limitOption = () =>
  new Option('--limit <number>', 'at most this many').argParser(checkedBy(upTo(200))).default(50);

export function addScheduleCommand(program: Command, context: CommandContext): void {
  const schedule = program
    .command('schedule')
    .summary('look after recurring jobs')
    .description('Schedules: jobs that recur, by cron or at intervals.');

  schedule
    .command('apply')
    .summary('make schedules be as a file says')
    .description(
      'Creates and changes schedules so that they are as the file says, and shows what changes. Nothing is changed when one of them is refused.',
    )
    .requiredOption('-f, --file <path>', 'YAML or JSON: {schedules: [{name, cron, timezone, job, …}, …]}')
    .option('--dry-run', 'only show what would change')
    .addOption(outputOption())
    .action((flags: ApplyFlags) => apply(context, flags));

  schedule
    .command('list')
    .summary('list schedules')
    .addOption(limitOption())
    .addOption(outputOption())
    .action(async ({ limit, output }: OutputFlag & { limit: number }) => {
      const { schedules, nextCursor } = await context.api().listSchedules(limit);
      printRecords(context.terminal, output, schedules, (style) => schedulesTable(schedules, style));
      if (nextCursor !== null) context.terminal.stderr.write('there are more: use --limit\n');
    });

  schedule
    .command('get')
    .summary('show a schedule')
    .argument('<name>', 'name of a schedule')
    .addOption(outputOption())
    .action((name: string, flags: OutputFlag) => printOne(context, flags, (api) => api.getSchedule(name)));

  for (const [verb, summary, act] of [
    ['delete', 'delete a schedule, with its ledger; its jobs stay', (api, name) => api.deleteSchedule(name)],
    ['pause', 'fire nothing until it is resumed', (api, name) => api.pauseSchedule(name)],
    [
      'resume',
      'fire again; what was due meanwhile counts as missed',
      (api, name) => api.resumeSchedule(name),
    ],
  ] as const satisfies [string, string, (api: StoreApi, name: string) => Promise<Schedule>][]) {
    schedule
      .command(verb)
      .summary(summary)
      .argument('<name>', 'name of a schedule')
      .addOption(outputOption())
      .action((name: string, flags: OutputFlag) => printOne(context, flags, (api) => act(api, name)));
  }

  schedule
    .command('run')
    .summary('make a job of a schedule now, and print its id')
    .argument('<name>', 'name of a schedule')
    .option('--wait', 'wait for the end of the job')
    .addOption(outputOption())
    .action(async (name: string, { wait, output }: OutputFlag & { wait?: true }) => {
      const api = context.api();
      const run = await api.runSchedule(name);
      if (wait !== true) printRecord(context.terminal, output, run, () => `${run.jobId}\n`);
      else context.exitWith(await waitForJobs(context, [await api.getJob(run.jobId)], { format: output }));
    });

  schedule
    .command('occurrences')
    .summary('show what became of the due times of a schedule, latest first')
    .argument('<name>', 'name of a schedule')
    .addOption(new Option('--outcome <outcome>', 'only these').choices(OUTCOMES))
    .addOption(limitOption())
    .addOption(outputOption())
    .action(
      async (
        name: string,
        { outcome, limit, output }: OutputFlag & { outcome?: (typeof OUTCOMES)[number]; limit: number },
      ) => {
        const page = await context.api().listOccurrences(name, { outcome }, limit);
        printRecords(context.terminal, output, page.occurrences, (style) => occurrencesTable(page, style));
        if (page.nextBefore !== null) context.terminal.stderr.write('there are more: use --limit\n');
      },
    );

  addPreviewCommand(schedule, context);
}

interface ApplyFlags extends OutputFlag {
  readonly file: string;
  readonly dryRun?: boolean;
}

async function apply(
  { terminal, api: connect }: CommandContext,
  { file, dryRun = false, output }: ApplyFlags,
): Promise<void> {
  const definitions = parseSchedulesFile(await readText(file), file);
  const api = connect();
  const applyAll = async (onlySay: boolean) => {
    const results: ({ name: string } & Applied)[] = [];
    for (const { name, definition } of definitions) {
      const result = await api.applySchedule(name, definition, onlySay).catch((error: unknown) => {
        if (error instanceof ProblemError) terminal.stderr.write(`${file}: ${name} was refused\n`);
        throw error;
      });
      results.push({ name, ...result });
    }
    return results;
  };
  // All are tried before the first is changed.
  const wouldBe = await applyAll(true);
  const results = dryRun ? wouldBe : await applyAll(false);
  printRecords(terminal, output, results, ({ paint }) =>
    results.map((result) => changesText(result.name, result, paint)).join(''),
  );
  if (dryRun) terminal.stderr.write('nothing was changed: this was a dry run\n');
}

async function printOne(
  { terminal, api }: CommandContext,
  { output }: OutputFlag,
  request: (api: StoreApi) => Promise<Schedule>,
): Promise<void> {
  const schedule = await request(api());
  printRecord(terminal, output, schedule, (style) => schedulesTable([schedule], style));
}

interface PreviewFlags extends OutputFlag {
  readonly cron?: string;
  readonly every?: number | string;
  readonly timezone?: string;
  readonly gap?: string;
  readonly fold?: string;
  readonly from?: string;
  readonly count: number;
}

function addPreviewCommand(schedule: Command, context: CommandContext): void {
  schedule
    .command('preview')
    .summary('show the next due times of a schedule, or of one that is not saved')
    .description(
      'Shows the next due times in the zone and in UTC, and where the clock changes. Either of a saved schedule, or of --cron or --every.',
    )
    .argument('[name]', 'name of a schedule')
    .option('--cron <expression>', 'cron expression, or @daily and the like')
    .addOption(
      new Option('--every <duration>', 'interval in place of --cron').argParser(checkedBy(durationOfFlag)),
    )
    .option('--timezone <zone>', 'IANA time zone, such as Europe/Berlin; UTC unless set')
    .addOption(new Option('--gap <rule>', 'for times that a clock leaves out').choices(GAP_POLICIES))
    .addOption(new Option('--fold <rule>', 'for times that a clock shows twice').choices(FOLD_POLICIES))
    .addOption(
      new Option('--from <time>', 'begin here: ISO 8601 with offset; now unless set').argParser(
        checkedBy(runAt),
      ),
    )
    .addOption(new Option('--count <number>', 'how many').argParser(checkedBy(upTo(500))).default(10))
    .addOption(outputOption())
    .action(async (name: string | undefined, { output, ...flags }: PreviewFlags) => {
      const preview = await previewOf(context.api(), name, flags);
      // For programs the due times are the records; for one JSON document, with their zone.
      if (output === 'json') printRecord(context.terminal, output, preview, () => '');
      else if (output === 'jsonl') printRecords(context.terminal, output, preview.dueTimes, () => '');
      else context.terminal.stdout.write(previewTable(preview, tableStyleOf(context.terminal)));
    });
}

function previewOf(api: StoreApi, name: string | undefined, flags: Omit<PreviewFlags, 'output'>) {
  const { from, count, ...definition } = flags;
  const isDefined = Object.keys(definition).length > 0;
  if (name === undefined) {
    if (definition.cron === undefined && definition.every === undefined) {
      throw new UsageError('give the name of a schedule, or --cron, or --every');
    }
    return api.previewDefinition(flags);
  }
  if (isDefined) throw new UsageError('give either a name, or --cron or --every with its flags, not both');
  return api.previewSchedule(name, { from, count });
}
