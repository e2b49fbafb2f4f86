/** `triumvir list`: the newest jobs, or all of them, page by page. */
import { JOB_STATES } from '#common/domain/job.js';
import { Option, type Command } from 'commander';
import { z } from 'zod';
import type { Job } from '../answers.js';
import { LONGEST_PAGE, type JobFilter, type StoreApi } from '../api.js';
import { checkedBy, wholeNumber } from '../arguments.js';
import type { CommandContext } from '../context.js';
import { outputOption, printRecords, type OutputFormat } from '../output.js';
import { jobsTable } from '../tables.js';

interface ListFlags extends Omit<JobFilter, 'q'> {
  readonly query?: string;
  readonly limit: number;
  readonly all?: true;
  readonly output: OutputFormat;
}

const DEFAULT_LIMIT = 50;

const limit = wholeNumber.pipe(z.int().min(1, { error: 'must be 1 or more' }));

export function addListCommand(program: Command, context: CommandContext): void {
  program
    .command('list')
    .summary('list jobs')
    .description(
      'Lists jobs, the newest first. With --all and -o jsonl, jobs are printed as their pages arrive.\n\n' +
        `Example: triumvir list -q 'type:command state:dead payload.customer:42 "disk full"'`,
    )
    .addOption(new Option('--state <state>', 'only jobs in this state').choices(JOB_STATES))
    .option('--type <type>', 'only jobs of this type')
    .option('--queue <queue>', 'only jobs of this queue')
    .option('--tag <tags>', 'only jobs with this tag, or with all of several with commas between')
    .option(
      '-q, --query <query>',
      'only jobs that fit: words, and fields such as name: tag: payload.customer:',
    )
    .addOption(
      new Option('--limit <number>', 'at most this many').argParser(checkedBy(limit)).default(DEFAULT_LIMIT),
    )
    .addOption(new Option('--all', 'every job').conflicts('limit'))
    .addOption(outputOption())
    .action(async ({ state, type, queue, tag, query, limit, all, output }: ListFlags) => {
      const most = all === true ? Number.POSITIVE_INFINITY : limit;
      const pages = pagesOf(context.api(), { state, type, queue, tag, q: query }, most);
      if (output === 'jsonl') await printAsTheyCome(context, pages);
      else await printAtOnce(context, pages, output);
    });
}

interface Page {
  readonly jobs: readonly Job[];
  /** Whether there are more jobs than were asked for. */
  readonly more: boolean;
}

async function* pagesOf(api: StoreApi, filter: JobFilter, most: number): AsyncGenerator<Page> {
  let left = most;
  let cursor: string | undefined;
  do {
    const page = await api.listJobs(filter, { limit: Math.min(left, LONGEST_PAGE), cursor });
    left -= page.jobs.length;
    cursor = page.nextCursor ?? undefined;
    yield { jobs: page.jobs, more: left <= 0 && cursor !== undefined };
  } while (cursor !== undefined && left > 0);
}

async function printAsTheyCome({ terminal }: CommandContext, pages: AsyncIterable<Page>): Promise<void> {
  for await (const { jobs } of pages) printRecords(terminal, 'jsonl', jobs, () => '');
}

async function printAtOnce(
  { terminal }: CommandContext,
  pages: AsyncIterable<Page>,
  format: OutputFormat,
): Promise<void> {
  const jobs: Job[] = [];
  let cut = false;
  for await (const page of pages) {
    jobs.push(...page.jobs);
    cut = page.more;
  }
  printRecords(terminal, format, jobs, (style) => jobsTable(jobs, style, Date.now()));
  if (cut) terminal.stderr.write('there are more: use --limit or --all\n');
}
