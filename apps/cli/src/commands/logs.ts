/** `triumvir logs`: what a job wrote, byte for byte as it was kept; or writes, while it writes it. */
import { Option, type Command } from 'commander';
import { z } from 'zod';
import { checkedBy, wholeNumber } from '../arguments.js';
import type { CommandContext } from '../context.js';
import { followOutput, type OutputTextFormat } from '../follow-output.js';
import { printRecord } from '../output.js';

interface LogsFlags {
  readonly attempt?: number;
  readonly follow?: true;
  readonly output: OutputTextFormat;
}

const attemptNumber = wholeNumber.pipe(z.int().min(1, { error: 'must be 1 or more' }));

export function addLogsCommand(program: Command, context: CommandContext): void {
  program
    .command('logs')
    .summary('print what a job wrote')
    .description(
      'Prints what a job wrote to its standard output and standard error, in the order it was written.',
    )
    .argument('<id>', 'id of the job')
    .addOption(
      new Option('--attempt <number>', 'which attempt; the last one unless set').argParser(
        checkedBy(attemptNumber),
      ),
    )
    .addOption(
      new Option('-f, --follow', 'go on with what it writes, attempt after attempt, until the job has ended'),
    )
    .addOption(
      new Option(
        '-o, --output <format>',
        'text; json with stdout and stderr apart, or jsonl, the same in a line; with --follow, an object a line',
      )
        .choices(['text', 'json', 'jsonl'])
        .default('text'),
    )
    .action(async (id: string, { attempt, follow, output: format }: LogsFlags) => {
      if (follow === true) {
        await followOutput(context, id, attempt, format);
        return;
      }
      const { stdout, stderr } = context.terminal;
      const output = await context.api().getOutput(id, attempt);
      if (format === 'text') stdout.write(output.output);
      else printRecord(context.terminal, format, output, () => '');
      if (output.truncated)
        stderr.write(`the output was too long: ${output.omittedBytes} bytes were left out\n`);
    });
}
