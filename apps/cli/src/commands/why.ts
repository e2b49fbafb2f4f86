/** `triumvir why`: what a job waits for. */
import type { Command } from 'commander';
import type { CommandContext } from '../context.js';
import { outputOption, printRecord, type OutputFormat } from '../output.js';
import { oneLine } from '../text.js';

export function addWhyCommand(program: Command, context: CommandContext): void {
  program
    .command('why')
    .summary('say what a job waits for')
    .description(
      'Says in one sentence what a job waits for, and about how long; then what else would hold it up.',
    )
    .argument('<id>', 'id of the job')
    .addOption(outputOption())
    .action(async (id: string, { output }: { readonly output: OutputFormat }) => {
      const why = await context.api().why(id);
      printRecord(context.terminal, output, why, () =>
        [why.sentence, ...why.also.map(({ sentence }) => `Also: ${sentence}`)]
          .map((line) => `${oneLine(line)}\n`)
          .join(''),
      );
    });
}
