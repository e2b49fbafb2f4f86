/**
 * `triumvir-client`: hands shell commands to gRPC servers and prints what became of them. It takes the flags and the
 * environment of the client of the Go, Redis and etcd scheduler.
 */
import { mapConcurrently } from '../concurrency.js';
import { apiKeyOf } from '../api-key.js';
import { describeError } from '../describe-error.js';
import { ExitCode, exitCodeOf, UsageError } from '../exit-codes.js';
import { readText } from '../read-text.js';
import type { Terminal } from '../terminal.js';
import { parseCommandFile, type NamedCommand } from './command-file.js';
import { parseFlags } from './flags.js';
import { followCommand, NoServerError } from './follow-command.js';
import { JobService } from './job-service.js';
import { chooseServers, type ServerChoice } from './server-choice.js';

const HELP = `Usage: triumvir-client -file=jobs.json | -cmd='shell command' [flags]

  -file=FILE             jobs to run: {"jobs": [{"name", "command", "description"}, …]}
  -cmd=COMMAND           one shell command instead
  -servers=LIST          host:port,… that take jobs in turn; the others are asked (SERVERS; default localhost:50051)
  -submit-server=SERVER  takes all jobs (SUBMIT_SERVER)
  -status-servers=LIST   are asked what became of them, in turn (STATUS_SERVERS)
  -concurrent            all jobs at once instead of one after the other

Exit codes: 0 all succeeded, 1 no server answers or one refused, 2 usage, 5 a job failed
`;

const FLAGS = {
  file: 'text',
  cmd: 'text',
  servers: 'text',
  'submit-server': 'text',
  'status-servers': 'text',
  concurrent: 'switch',
  help: 'switch',
  h: 'switch',
} as const;

/** Connections stay few however many jobs a file has. */
const AT_ONCE = 100;

/** Runs the client to its end. Never throws: what goes wrong is written to stderr and told by the exit code. */
export async function runClient(
  args: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<ExitCode> {
  const { stdout, stderr, env } = terminal;
  try {
    const flags = parseFlags(args, FLAGS);
    if (flags.help === true || flags.h === true) {
      stdout.write(HELP);
      return ExitCode.ok;
    }
    // An empty variable is how make passes on what was not set.
    const choice = chooseServers({
      servers: flags.servers ?? env['SERVERS'],
      submitServer: flags['submit-server'] ?? env['SUBMIT_SERVER'],
      statusServers: flags['status-servers'] ?? env['STATUS_SERVERS'],
    });
    const commands = await commandsOf(flags.file, flags.cmd);
    return await runAll(commands, choice, flags.concurrent === true ? AT_ONCE : 1, terminal, signal);
  } catch (error) {
    stderr.write(isFromServer(error) ? `error: ${error.message}\n` : describeError(error));
    return exitCodeOf(error);
  }
}

async function commandsOf(file: string | undefined, command: string | undefined): Promise<NamedCommand[]> {
  if (command !== undefined && file === undefined) return [{ name: 'command', command, description: '' }];
  if (command !== undefined) throw new UsageError('-file and -cmd cannot be given together');
  if (file === undefined) throw new UsageError("nothing to run: give -file=jobs.json or -cmd='echo hello'");
  return parseCommandFile(await readText(file), file);
}

async function runAll(
  commands: readonly NamedCommand[],
  choice: ServerChoice,
  atOnce: number,
  { stdout, env }: Terminal,
  signal: AbortSignal,
): Promise<ExitCode> {
  const servers = new Map<string, JobService>();
  const apiKey = apiKeyOf(undefined, env);
  const serverAt = (address: string) => {
    const server = servers.get(address) ?? new JobService(address, apiKey);
    servers.set(address, server);
    return server;
  };
  try {
    const words = await mapConcurrently(commands, atOnce, async ({ name, command, description }, index) => {
      const line = (text: string) => stdout.write(`[${index + 1}/${commands.length}] ${name}: ${text}\n`);
      if (description !== '') line(description);
      const { status: word = '', output = '' } = await followCommand(command, index, {
        choice,
        serverAt,
        signal,
        onSubmitted: (id, server) => line(`Job submitted: ${id} (to ${server})`),
        onStatus: (status, server) => line(`Job status: ${status} (from ${server})`),
      });
      if (output !== '') line(`Job output:\n${output.trimEnd()}`);
      return word;
    });
    const failed = words.filter((word) => word !== 'SUCCEEDED').length;
    stdout.write(`${words.length - failed} succeeded, ${failed} failed\n`);
    return failed === 0 ? ExitCode.ok : ExitCode.jobNotSucceeded;
  } finally {
    for (const server of servers.values()) server.close();
  }
}

/** A message of these explains itself. */
function isFromServer(error: unknown): error is Error {
  return error instanceof NoServerError || (error instanceof Error && 'code' in error && 'details' in error);
}
