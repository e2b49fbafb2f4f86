/** `triumvir handler`: job types of one's own. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { jobType } from '#common/config/names.js';
import { checkedBy } from '../arguments.js';
import type { CommandContext } from '../context.js';
import { UsageError } from '../exit-codes.js';
import { handlerSource, handlerTestSource } from '../handler-templates.js';

export function addHandlerCommand(program: Command, context: CommandContext): void {
  const handler = program.command('handler').summary('write job types of your own');
  handler
    .command('new')
    .summary('write a handler that works, and its test')
    .description(
      'Writes NAME.handler.mjs, a working handler for jobs of type NAME, and NAME.handler.test.mjs, its test. Executors load it from the folder that EXECUTOR_HANDLERS names.',
    )
    .argument('<name>', 'the job type', checkedBy(jobType))
    .option('--dir <folder>', 'where to; made when it does not exist', 'handlers')
    .action(async (name: string, { dir }: { readonly dir: string }) => {
      const { stdout } = context.terminal;
      const source = join(dir, `${name}.handler.mjs`);
      const test = join(dir, `${name}.handler.test.mjs`);
      await mkdir(dir, { recursive: true });
      await writeNew(source, handlerSource(name));
      await writeNew(test, handlerTestSource(name));
      stdout.write(`${source}\n${test}\n\nTry it:  node --test ${test}\nUse it:  EXECUTOR_HANDLERS=${dir}\n`);
    });
}

/** @throws UsageError when there is such a file already: what somebody wrote is not overwritten */
async function writeNew(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw new UsageError(`${path} exists already`);
    throw error;
  }
}
