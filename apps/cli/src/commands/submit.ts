/** `triumvir submit`: hands one job, or a file of them, to the store. */
import { Option, type Command } from 'commander';
import type { Job } from '../answers.js';
import { checkedBy, jsonText, wholeNumber } from '../arguments.js';
import { mapConcurrently } from '../concurrency.js';
import { REQUESTS_AT_ONCE, type CommandContext } from '../context.js';
import { UsageError } from '../exit-codes.js';
import { followToEnd } from '../follow-output.js';
import { parseJobsFile, titleOf } from '../jobs-file.js';
import {
  commandJob,
  durationOfFlag,
  expiryOfFlag,
  maxAttempts,
  name,
  priority,
  queue,
  runAt,
  tagsOfFlag,
  type NewJob,
} from '../new-job.js';
import { outputOption, printRecord, printRecords, type OutputFormat } from '../output.js';
import { readText } from '../read-text.js';
import { ProblemError } from '#client/errors.js';
import { idsTable } from '../tables.js';
import { waitForJobs } from '../wait-for-jobs.js';

interface SubmitFlags extends Omit<NewJob, 'type' | 'retry' | 'expiresAt'> {
  readonly expires?: string | number;
  readonly type?: string;
  readonly file?: string;
  readonly wait?: true;
  readonly follow?: true;
  readonly output: OutputFormat;
}

/** With --file, everything about a job is said in the file. */
const ofOneJob = (flags: string, description: string) => new Option(flags, description).conflicts('file');

export function addSubmitCommand(program: Command, context: CommandContext): void {
  program
    .command('submit')
    .summary('submit a job, or a file of jobs')
    .description('Submits a shell command, a job of any type (--type), or all jobs of a file (--file).')
    .argument('[command]', 'shell command line to run')
    .addOption(ofOneJob('--type <type>', 'type of the job, in place of a command'))
    .addOption(ofOneJob('--payload <json>', 'payload for --type').argParser(checkedBy(jsonText)))
    .addOption(ofOneJob('--name <name>', 'label for people').argParser(checkedBy(name)))
    .addOption(ofOneJob('--queue <queue>', 'queue that it goes through').argParser(checkedBy(queue)))
    .addOption(
      ofOneJob('--tags <tags>', 'words to find it by, with commas between').argParser(checkedBy(tagsOfFlag)),
    )
    .addOption(
      ofOneJob('--run-at <time>', 'not before this time: ISO 8601 with offset')
        .argParser(checkedBy(runAt))
        .conflicts(['file', 'delay']),
    )
    .addOption(
      ofOneJob('--delay <duration>', 'not before this has passed: 500ms, 30s, 5m, 2h, 1d').argParser(
        checkedBy(durationOfFlag),
      ),
    )
    .addOption(
      ofOneJob(
        '--expires <when>',
        'never start it after this: a time, or a duration from when it is due',
      ).argParser(checkedBy(expiryOfFlag)),
    )
    .addOption(
      ofOneJob('--priority <0-9>', '0 goes first; 5 unless set').argParser(
        checkedBy(wholeNumber.pipe(priority)),
      ),
    )
    .addOption(
      ofOneJob('--max-attempts <number>', 'tries before it is dead; 4 unless set').argParser(
        checkedBy(wholeNumber.pipe(maxAttempts)),
      ),
    )
    .addOption(
      ofOneJob('--timeout <duration>', 'longest that one try may run').argParser(checkedBy(durationOfFlag)),
    )
    .addOption(
      ofOneJob('--concurrency-key <key>', 'few jobs of the queue with this key run at a time').argParser(
        checkedBy(name),
      ),
    )
    .addOption(
      ofOneJob('--fairness-key <key>', 'whom it is for: jobs take turns between these').argParser(
        checkedBy(name),
      ),
    )
    .option('--file <path>', 'submit every job of this file: {"jobs": [{"name": …, "command": …}, …]}')
    .option('--wait', 'wait for the end and say what became of it')
    .addOption(ofOneJob('--follow', 'print what it writes, until it has ended').conflicts(['file', 'wait']))
    .addOption(outputOption())
    .action((command: string | undefined, flags: SubmitFlags) =>
      flags.file === undefined
        ? submitOne(context, jobOf(command, flags), flags)
        : submitFile(context, flags.file, command, flags),
    );
}

function jobOf(command: string | undefined, flags: SubmitFlags): NewJob {
  const {
    type,
    payload,
    expires,
    file: _file,
    wait: _wait,
    follow: _follow,
    output: _output,
    ...given
  } = flags;
  const settings = { ...given, ...(expires === undefined ? {} : { expiresAt: expires }) };
  if (command !== undefined) {
    if (type !== undefined || payload !== undefined) {
      throw new UsageError('give either a command, or --type with its --payload, not both');
    }
    if (command.trim() === '') throw new UsageError('the command is empty');
    return { ...settings, ...commandJob(command) };
  }
  if (type === undefined) throw new UsageError('give a command, or --type with its --payload, or --file');
  return { ...settings, type, payload };
}

async function submitOne(context: CommandContext, newJob: NewJob, flags: SubmitFlags): Promise<void> {
  const job = await context.api().submitJob(newJob);
  if (flags.follow === true) {
    await followToEnd(context, job.id, flags.output === 'table' ? 'text' : flags.output);
  } else if (flags.wait === true) {
    context.exitWith(await waitForJobs(context, [job], { format: flags.output }));
  } else {
    // Only the id, so that a shell can keep it: id=$(triumvir submit …).
    printRecord(context.terminal, flags.output, job, () => `${job.id}\n`);
  }
}

async function submitFile(
  context: CommandContext,
  path: string,
  command: string | undefined,
  flags: SubmitFlags,
): Promise<void> {
  if (command !== undefined) throw new UsageError('give either a command or --file, not both');
  const newJobs = parseJobsFile(await readText(path), path);
  const api = context.api();
  const accepted: (Job | undefined)[] = newJobs.map(() => undefined);
  const submitted = () => accepted.filter((job) => job !== undefined);
  try {
    await mapConcurrently(newJobs, REQUESTS_AT_ONCE, async (newJob, index) => {
      accepted[index] = await api.submitJob(newJob).catch((error: unknown) => {
        if (error instanceof ProblemError) {
          context.terminal.stderr.write(`${path}: ${titleOf(newJob, index)} was refused\n`);
        }
        throw error;
      });
    });
  } catch (error) {
    // What was accepted will run: its ids must not be lost.
    if (submitted().length > 0) printSubmitted(context, flags.output, submitted());
    context.terminal.stderr.write(`${submitted().length} of ${newJobs.length} jobs were submitted\n`);
    throw error;
  }
  if (flags.wait === true) {
    context.exitWith(await waitForJobs(context, submitted(), { format: flags.output }));
  } else {
    printSubmitted(context, flags.output, submitted());
  }
}

function printSubmitted({ terminal }: CommandContext, format: OutputFormat, jobs: readonly Job[]): void {
  printRecords(terminal, format, jobs, (style) => idsTable(jobs, style));
}
