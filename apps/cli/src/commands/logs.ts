/** `triumvir logs`: what a job wrote, byte for byte as it was kept. */
import { Option, type Command } from 'commander';
import { z } from 'zod';
import { checkedBy, wholeNumber } from '../arguments.js';
import type { CommandContext } from '../context.js';

interface LogsFlags {
  readonly attempt?: number;
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
      new Option('-o, --output <format>', 'text, or json with stdout and stderr apart')
        .choices(['text', 'json'])
        .default('text'),
    )
    .action(async (id: string, { attempt, output: format }: LogsFlags) => {
      const { stdout, stderr } = context.terminal;
      const output = await context.api().getOutput(id, attempt);
      stdout.write(format === 'json' ? `${JSON.stringify(output, null, 2)}\n` : output.output);
      if (output.truncated)
        stderr.write(`the output was too long: ${output.omittedBytes} bytes were left out\n`);
    });
}
