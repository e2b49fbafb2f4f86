/** `triumvir workflow`: jobs that wait for each other. Submits a file of them, looks after them, and waits for their end. */
import { MAX_ATTEMPTS } from '#common/domain/job.js';
import { Option, type Command } from 'commander';
import { z } from 'zod';
import type { Workflow, WorkflowWithJobs } from '../answers.js';
import { LONGEST_PAGE } from '../api.js';
import { checkedBy, wholeNumber } from '../arguments.js';
import type { CommandContext } from '../context.js';
import { durationMs, maxAttempts } from '../new-job.js';
import { outputOption, printRecord, printRecords, type OutputFormat } from '../output.js';
import { readText } from '../read-text.js';
import { waitForWorkflow } from '../wait-for-workflow.js';
import { parseWorkflowFile } from '../workflow-file.js';
import { workflowJobsTable, workflowsTable } from '../workflow-tables.js';

interface OutputFlag {
  readonly output: OutputFormat;
}

interface WaitFlags extends OutputFlag {
  readonly timeout?: number;
}

interface SubmitFlags extends WaitFlags {
  readonly file: string;
  readonly idempotencyKey?: string;
  readonly wait?: true;
}

const limit = wholeNumber.pipe(
  z
    .int()
    .min(1)
    .max(LONGEST_PAGE, { error: `must be from 1 to ${LONGEST_PAGE}` }),
);
const timeoutOption = () =>
  new Option('--timeout <duration>', 'wait no longer than this: 30s, 5m, 2h').argParser(
    checkedBy(durationMs),
  );

export function addWorkflowCommand(program: Command, context: CommandContext): void {
  const workflow = program
    .command('workflow')
    .summary('look after jobs that wait for each other')
    .description(
      'Workflows: jobs that are submitted together, and start when those they depend on have succeeded.',
    );

  workflow
    .command('submit')
    .summary('submit the workflow of a file, and print its id')
    .description('Submits a workflow: all of its jobs, or none when something is wrong with one of them.')
    .requiredOption('-f, --file <path>', 'YAML or JSON: {name, jobs: [{name, command, dependsOn, …}, …]}')
    .option('--idempotency-key <text>', 'submit it once, however often this command is repeated within a day')
    .option('--wait', 'wait for its end')
    .addOption(timeoutOption())
    .addOption(outputOption())
    .action(async ({ file, idempotencyKey, wait, timeout, output }: SubmitFlags) => {
      const request = parseWorkflowFile(await readText(file), file);
      const submitted = await context.api().submitWorkflow(request, idempotencyKey);
      if (wait !== true) {
        printRecord(context.terminal, output, submitted, () => `${submitted.id}\n`);
        return;
      }
      context.terminal.stderr.write(`${submitted.id}\n`);
      await waitAndPrint(context, submitted.id, { timeout, output });
    });

  workflow
    .command('get')
    .summary('show a workflow with its jobs')
    .argument('<id>', 'id of a workflow')
    .addOption(outputOption())
    .action(async (id: string, { output }: OutputFlag) => {
      const whole = await withAllJobs(context, id);
      printRecord(
        context.terminal,
        output,
        whole,
        (style) => `${workflowsTable([whole], style)}\n${workflowJobsTable(whole.jobs, style, Date.now())}`,
      );
    });

  workflow
    .command('list')
    .summary('list workflows, newest first')
    .addOption(new Option('--finished', 'only those that are over'))
    .addOption(new Option('--open', 'only those that are not over').conflicts('finished'))
    .addOption(new Option('--limit <number>', 'at most this many').argParser(checkedBy(limit)).default(50))
    .addOption(outputOption())
    .action(async (flags: OutputFlag & { limit: number; finished?: true; open?: true }) => {
      const finished = flags.finished ?? (flags.open === true ? false : undefined);
      const { workflows, nextCursor } = await context.api().listWorkflows(flags.limit, finished);
      printRecords(context.terminal, flags.output, workflows, (style) => workflowsTable(workflows, style));
      if (nextCursor !== null) context.terminal.stderr.write('there are more: use --limit\n');
    });

  workflow
    .command('cancel')
    .summary('cancel all of a workflow that has not ended')
    .argument('<id>', 'id of a workflow')
    .addOption(outputOption())
    .action(async (id: string, { output }: OutputFlag) =>
      printOne(context, output, await context.api().cancelWorkflow(id)),
    );

  workflow
    .command('retry')
    .summary('try again from where a workflow failed')
    .description('Gives every job that did not succeed another chance; what has succeeded is not run again.')
    .argument('<id>', 'id of a workflow')
    .addOption(
      new Option('--attempts <number>', 'further attempts for each job that has had some')
        .argParser(checkedBy(wholeNumber.pipe(maxAttempts)))
        .default(MAX_ATTEMPTS.default),
    )
    .option('--wait', 'wait for its end')
    .addOption(timeoutOption())
    .addOption(outputOption())
    .action(
      async (id: string, { attempts, wait, ...flags }: WaitFlags & { attempts: number; wait?: true }) => {
        const retried = await context.api().retryWorkflow(id, attempts);
        if (wait === true) await waitAndPrint(context, id, flags);
        else printOne(context, flags.output, retried);
      },
    );

  workflow
    .command('wait')
    .summary('wait for a workflow to end')
    .description(
      'Waits until all jobs have ended, or only held ones are left, which wait for a person. Ctrl-C leaves it running.',
    )
    .argument('<id>', 'id of a workflow')
    .addOption(timeoutOption())
    .addOption(outputOption())
    .action((id: string, flags: WaitFlags) => waitAndPrint(context, id, flags));
}

async function waitAndPrint(
  context: CommandContext,
  id: string,
  { timeout, output }: { readonly timeout?: number | undefined; readonly output: OutputFormat },
): Promise<void> {
  const { workflow, exitCode } = await waitForWorkflow(context, id, timeout);
  printOne(context, output, workflow);
  context.exitWith(exitCode);
}

function printOne({ terminal }: CommandContext, output: OutputFormat, workflow: Workflow): void {
  printRecord(terminal, output, workflow, (style) => workflowsTable([workflow], style));
}

async function withAllJobs({ api: connect }: CommandContext, id: string): Promise<WorkflowWithJobs> {
  const api = connect();
  const workflow = await api.getWorkflow(id, { limit: LONGEST_PAGE });
  const jobs = [...workflow.jobs];
  for (let cursor = workflow.nextCursor; cursor !== null;) {
    const page = await api.getWorkflow(id, { limit: LONGEST_PAGE, cursor });
    jobs.push(...page.jobs);
    cursor = page.nextCursor;
  }
  return { ...workflow, jobs, nextCursor: null };
}
