/** `triumvir logs`: what a job wrote, byte for byte as it was kept; or writes, while it writes it. */
import { Option, type Command } from 'commander';
import { z } from 'zod';
import { gap, outputPiece } from '../answers.js';
import { checkedBy, wholeNumber } from '../arguments.js';
import type { CommandContext } from '../context.js';
import { oneLine } from '../text.js';

interface LogsFlags {
  readonly attempt?: number;
  readonly follow?: true;
  readonly output: 'text' | 'json';
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
        'text, or json with stdout and stderr apart; with --follow, an object a line',
      )
        .choices(['text', 'json'])
        .default('text'),
    )
    .action(async (id: string, { attempt, follow, output: format }: LogsFlags) => {
      if (follow === true) {
        await followLogs(context, id, attempt, format);
        return;
      }
      const { stdout, stderr } = context.terminal;
      const output = await context.api().getOutput(id, attempt);
      stdout.write(format === 'json' ? `${JSON.stringify(output, null, 2)}\n` : output.output);
      if (output.truncated)
        stderr.write(`the output was too long: ${output.omittedBytes} bytes were left out\n`);
    });
}

async function followLogs(
  context: CommandContext,
  id: string,
  attempt: number | undefined,
  format: LogsFlags['output'],
): Promise<void> {
  const { stdout, stderr } = context.terminal;
  for await (const { event, data } of context.api().followOutput(id, attempt)) {
    if (format === 'json') {
      stdout.write(`${JSON.stringify({ event, ...(data as object) })}\n`);
    } else if (event === 'output') {
      const { text, omittedBytes } = outputPiece.parse(data);
      if (omittedBytes !== undefined) stderr.write(`${omittedBytes} bytes were left out here\n`);
      stdout.write(text);
    } else if (event === 'gap') {
      stderr.write(`output is missing: ${oneLine(gap.parse(data).detail)}\n`);
    }
  }
}
