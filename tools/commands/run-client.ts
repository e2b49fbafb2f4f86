/** `make run-client`, `make run-client-servers` and `make run-webui`: the clients, pointed at the servers that run. */
import { join } from 'node:path';
import { ROOT } from '../root.js';
import { runCommand } from '../run-command.js';
import { PlainError } from '../screen.js';
import { readServersFile } from '../servers-file.js';
import { WEB_UI } from '../web-ui.js';

const CLIENT = 'apps/cli/src/compat/client-main.js';
/** At the root, where users of the Go scheduler have theirs. */
const JOBS = 'jobs.json';

/** The first running server takes CMD, or the jobs of FILE. */
export async function runClient(): Promise<number> {
  const { CMD: command, FILE: file } = process.env;
  if (command === undefined && file === undefined)
    throw new PlainError("Say what to run: make run-client CMD='echo hello', or FILE=jobs.json.");
  const [first = ''] = readServersFile().split(',');
  const work = command === undefined ? [`-file=${file}`] : [`-cmd=${command}`];
  return run(CLIENT, [...work, ...unlessSet('servers', first)]);
}

/** All running servers take the jobs of FILE in turn. */
export async function runClientServers(): Promise<number> {
  const { CMD: command, FILE: file = JOBS } = process.env;
  const work = command === undefined ? `-file=${file}` : `-cmd=${command}`;
  return run(CLIENT, [work, ...unlessSet('servers', readServersFile())]);
}

export async function runWebUi(): Promise<number> {
  return run(WEB_UI, unlessSet('servers', readServersFile()));
}

/** What a person has set goes before what runs here. */
function unlessSet(flag: string, value: string): string[] {
  return value === '' || (process.env[flag.toUpperCase()] ?? '') !== '' ? [] : [`-${flag}=${value}`];
}

function run(program: string, args: readonly string[]): Promise<number> {
  return runCommand(process.execPath, ['--enable-source-maps', join(ROOT, 'dist', program), ...args], {
    cwd: ROOT,
  });
}
