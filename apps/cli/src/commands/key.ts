/** `triumvir key`: makes API keys, lists them, revokes them. */
import { Option, type Command } from 'commander';
import { SCOPES, type Scope } from '#common/domain/access.js';
import { parseDuration } from '#common/domain/duration.js';
import type { ApiKey } from '../answers.js';
import type { NewApiKey } from '../api.js';
import type { CommandContext } from '../context.js';
import { UsageError } from '../exit-codes.js';
import { keysTable } from '../key-tables.js';
import { outputOption, printRecord, printRecords, type OutputFormat } from '../output.js';
import { oneLine } from '../text.js';

interface CreateFlags {
  readonly name: string;
  readonly scope: readonly Scope[];
  readonly queue?: readonly string[];
  readonly rate?: string;
  readonly expires?: string;
  readonly output: OutputFormat;
}

export function addKeyCommand(program: Command, context: CommandContext): void {
  const key = program.command('key').summary('make, list and revoke API keys').description('API keys.');

  key
    .command('create')
    .summary('make a key')
    .description(
      'Makes a key and prints it: on stdout, this once. The first key ends open access, so it must have the scope admin.',
    )
    .requiredOption('--name <name>', 'what it is for')
    .addOption(
      new Option('--scope <scope...>', 'what it allows; admin is everything')
        .choices(SCOPES)
        .makeOptionMandatory(),
    )
    .option('--queue <pattern...>', 'only these queues; * stands for anything, as in team-a.*')
    .option('--rate <rate>', 'so many requests at one store, such as 100/s, 600/m or 5000/h')
    .option('--expires <when>', 'a duration such as 90d, or a time (ISO 8601 with offset)')
    .addOption(outputOption())
    .action(async ({ output, ...flags }: CreateFlags) => {
      const made = await context.api().createKey(newKey(flags));
      if (output !== 'table') return printRecord(context.terminal, output, made, () => '');
      context.terminal.stdout.write(`${made.key}\n`);
      context.terminal.stderr.write(
        `key ${made.id} (${made.name}) was made; it is shown this once, so keep it safe\n`,
      );
    });

  key
    .command('list')
    .summary('list keys')
    .option('--all', 'also those that were revoked or have expired')
    .addOption(outputOption())
    .action(async ({ all = false, output }: { all?: boolean; output: OutputFormat }) => {
      const keys = await context.api().listKeys(all);
      printRecords(context.terminal, output, keys, (style) => keysTable(keys, style));
    });

  key
    .command('revoke')
    .summary('end a key')
    .description('Ends keys at once, at every store.')
    .argument('<id...>', 'ids, as `triumvir key list` shows them')
    .addOption(outputOption())
    .action(async (ids: string[], { output }: { readonly output: OutputFormat }) => {
      const revoked: ApiKey[] = [];
      for (const id of ids) {
        const key = await context.api().revokeKey(id);
        revoked.push(key);
        // At once: when the next one fails, this one is revoked all the same.
        if (output === 'table') context.terminal.stdout.write(`${id} (${oneLine(key.name)}) revoked\n`);
      }
      if (output !== 'table') printRecords(context.terminal, output, revoked, () => '');
    });
}

function newKey({ name, scope, queue, rate, expires }: Omit<CreateFlags, 'output'>): NewApiKey {
  return {
    name,
    scopes: scope,
    ...(queue !== undefined && { queues: queue }),
    ...(rate !== undefined && { rate }),
    ...(expires !== undefined && endOf(expires)),
  };
}

function endOf(text: string): Pick<NewApiKey, 'expiresIn' | 'expiresAt'> {
  if (parseDuration(text) !== undefined) return { expiresIn: text };
  if (Number.isNaN(Date.parse(text)))
    throw new UsageError(`--expires ${text} is neither a duration such as 90d nor a time`);
  return { expiresAt: text };
}
