/**
 * The command line as a function of its arguments and its terminal. A command is one file in commands/, added to the list
 * below.
 */
import { Command, CommanderError, Option } from 'commander';
import { apiKeyOf } from './api-key.js';
import { StoreApi } from './api.js';
import { checkedBy, storeUrl } from './arguments.js';
import { addAuditCommand } from './commands/audit.js';
import { addBulkCommand } from './commands/bulk.js';
import { addCancelCommand } from './commands/cancel.js';
import { addClusterCommand } from './commands/cluster.js';
import { addDlqCommand } from './commands/dlq.js';
import { addEventsCommand } from './commands/events.js';
import { addGetCommand } from './commands/get.js';
import { addHandlerCommand } from './commands/handler.js';
import { addKeyCommand } from './commands/key.js';
import { addListCommand } from './commands/list.js';
import { addLogsCommand } from './commands/logs.js';
import { addQueueCommand } from './commands/queue.js';
import { addScheduleCommand } from './commands/schedule.js';
import { addSubmitCommand } from './commands/submit.js';
import { addWaitCommand } from './commands/wait.js';
import { addWhyCommand } from './commands/why.js';
import { addWorkflowCommand } from './commands/workflow.js';
import type { CommandContext } from './context.js';
import { describeError } from './describe-error.js';
import { EXIT_CODES_HELP, ExitCode, exitCodeOf, UsageError } from './exit-codes.js';
import { version } from '#common/config/version.js';
import { widthOf, type Terminal } from './terminal.js';

const COMMANDS = [
  addSubmitCommand,
  addGetCommand,
  addListCommand,
  addLogsCommand,
  addWaitCommand,
  addEventsCommand,
  addWhyCommand,
  addCancelCommand,
  addDlqCommand,
  addBulkCommand,
  addScheduleCommand,
  addWorkflowCommand,
  addQueueCommand,
  addClusterCommand,
  addHandlerCommand,
  addKeyCommand,
  addAuditCommand,
] as const;

const LONGEST_HELP_LINE = 100;
const DEFAULT_STORE_URL = 'http://localhost:3000';

/**
 * Runs one command to its end. Never throws: what goes wrong is written to stderr and told by the exit code.
 * @param args without the program's own name
 * @param signal ends the command when it aborts, with the exit code of its reason
 */
export async function run(
  args: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ExitCode> {
  let exitCode: ExitCode = ExitCode.ok;
  const program = baseProgram(terminal);
  const context: CommandContext = {
    terminal,
    signal,
    api: () => {
      const { url, apiKeyFile } = program.opts<{ url?: URL; apiKeyFile?: string }>();
      const apiKey = apiKeyOf(apiKeyFile, terminal.env);
      return new StoreApi({ baseUrl: storeUrlOf(url, terminal.env), apiKey, signal });
    },
    exitWith: (code) => {
      exitCode = code;
    },
  };
  for (const add of COMMANDS) add(program, context);
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has already written what is wrong.
    if (!(error instanceof CommanderError)) terminal.stderr.write(describeError(error));
    return exitCodeOf(error);
  }
}

function baseProgram({ stdout, stderr }: Terminal): Command {
  return new Command('triumvir')
    .description('Submits jobs to Triumvir and tells what became of them.')
    .addOption(
      new Option('--url <url>', `the store; else STORE_SERVICE_URL, else ${DEFAULT_STORE_URL}`).argParser(
        checkedBy(storeUrl),
      ),
    )
    .option('--api-key-file <path>', 'a file whose first line is the API key; else TRIUMVIR_API_KEY')
    .version(version())
    .addHelpText('afterAll', EXIT_CODES_HELP)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      getOutHelpWidth: () => Math.min(widthOf(stdout), LONGEST_HELP_LINE),
      getErrHelpWidth: () => Math.min(widthOf(stderr), LONGEST_HELP_LINE),
    })
    .showHelpAfterError('(--help tells more)')
    .exitOverride();
}

/** Read when a command needs it, so that a wrong variable does not get in the way of --help. */
function storeUrlOf(flag: URL | undefined, env: Terminal['env']): URL {
  if (flag !== undefined) return flag;
  // An empty variable is how compose files pass on what was not set.
  const parsed = storeUrl.safeParse(env['STORE_SERVICE_URL'] || DEFAULT_STORE_URL);
  if (parsed.success) return parsed.data;
  throw new UsageError(`STORE_SERVICE_URL ${parsed.error.issues[0]?.message ?? 'is wrong'}`);
}
