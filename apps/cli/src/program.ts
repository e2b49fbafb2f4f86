/**
 * The command line as a function of its arguments and its terminal. A command is one file in commands/, added to the list
 * below.
 */
import { Command, CommanderError, Option } from 'commander';
import { StoreApi } from './api.js';
import { checkedBy, storeUrl } from './arguments.js';
import { addAuditCommand } from './commands/audit.js';
import { addBulkCommand } from './commands/bulk.js';
import { addClusterCommand } from './commands/cluster.js';
import { addCompletionCommand } from './commands/completion.js';
import { addConfigCommand } from './commands/config.js';
import { addDlqCommand } from './commands/dlq.js';
import { addDoctorCommand } from './commands/doctor.js';
import { addHandlerCommand } from './commands/handler.js';
import { addJobCommand, JOB_COMMANDS } from './commands/job.js';
import { addKeyCommand } from './commands/key.js';
import { addQueueCommand } from './commands/queue.js';
import { addScheduleCommand } from './commands/schedule.js';
import { addTopCommand } from './commands/top.js';
import { addWorkflowCommand } from './commands/workflow.js';
import type { CommandContext } from './context.js';
import { describeError } from './describe-error.js';
import { EXIT_CODES_HELP, ExitCode, exitCodeOf } from './exit-codes.js';
import { version } from '#common/config/version.js';
import { DEFAULT_STORE_URL, storeAddressOf, type GlobalFlags } from './store-address.js';
import { widthOf, type Terminal } from './terminal.js';

/** In the order in which --help lists them. */
export const COMMANDS = [
  ...JOB_COMMANDS,
  addJobCommand,
  addDlqCommand,
  addBulkCommand,
  addScheduleCommand,
  addWorkflowCommand,
  addQueueCommand,
  addClusterCommand,
  addTopCommand,
  addDoctorCommand,
  addHandlerCommand,
  addKeyCommand,
  addAuditCommand,
  addConfigCommand,
  addCompletionCommand,
] as const;

const LONGEST_HELP_LINE = 100;

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
    flags: () => program.opts<GlobalFlags>(),
    storeAddress: () => storeAddressOf(program.opts<GlobalFlags>(), terminal.env),
    api: () => {
      const { url, apiKey } = context.storeAddress();
      return new StoreApi({ baseUrl: url.value, apiKey: apiKey?.value, signal });
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
      new Option(
        '--url <url>',
        `the store; else STORE_SERVICE_URL, else the profile, else ${DEFAULT_STORE_URL}`,
      ).argParser(checkedBy(storeUrl)),
    )
    .option('--api-key-file <path>', 'a file whose first line is the API key; else TRIUMVIR_API_KEY')
    .option(
      '--profile <name>',
      'a store kept by `triumvir config`; else TRIUMVIR_PROFILE, else the one in use',
    )
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
