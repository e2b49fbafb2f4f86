/** `triumvir audit`: who changed what. */
import { Option, type Command } from 'commander';
import { z } from 'zod';
import type { AuditFilter } from '../api.js';
import { checkedBy, wholeNumber } from '../arguments.js';
import type { CommandContext } from '../context.js';
import { auditTable } from '../key-tables.js';
import { outputOption, printRecords, type OutputFormat } from '../output.js';

const limit = wholeNumber.pipe(z.int().min(1).max(200, { error: 'must be from 1 to 200' }));

export function addAuditCommand(program: Command, context: CommandContext): void {
  program
    .command('audit')
    .summary('show who changed what')
    .description('The audit log, newest first. Submissions are not in it: jobs say who made them.')
    .option('--key <id>', 'only what was done with this key')
    .option('--action <operation>', 'only this operation of the API, such as cancelJob')
    .option('--since <time>', 'only from this time on (ISO 8601 with offset)')
    .option('--until <time>', 'only before this time')
    .addOption(new Option('--limit <number>', 'at most this many').argParser(checkedBy(limit)).default(50))
    .addOption(outputOption())
    .action(async ({ limit, output, ...filter }: AuditFilter & { limit: number; output: OutputFormat }) => {
      const { entries, nextCursor } = await context.api().listAudit(filter, limit);
      printRecords(context.terminal, output, entries, (style) => auditTable(entries, style));
      if (nextCursor !== null) context.terminal.stderr.write('there are more: use --limit or a filter\n');
    });
}
