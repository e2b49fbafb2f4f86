/** What the Makefile calls: one command a target. See `make help`. */
import { logs } from './commands/logs.js';
import { runClient, runClientServers, runWebUi } from './commands/run-client.js';
import { runServers, stopServers } from './commands/run-servers.js';
import { runWorker } from './commands/run-worker.js';
import { start } from './commands/start.js';
import { status } from './commands/status.js';
import { stop } from './commands/stop.js';
import { test } from './commands/test.js';
import { testServers, testServersStop } from './commands/test-servers.js';
import { zkcli } from './commands/zkcli.js';
import { catchInterruptions, Interrupted } from './interruption.js';
import { complain, keepStdoutClean } from './screen.js';

type Command = (args: readonly string[]) => Promise<number | void>;

const COMMANDS: Readonly<Record<string, Command>> = {
  start,
  stop,
  status,
  logs,
  zkcli,
  'run-servers': runServers,
  'stop-servers': stopServers,
  'run-worker': runWorker,
  'run-client': runClient,
  'run-client-servers': runClientServers,
  'run-webui': runWebUi,
  test,
  'test-servers': () => {
    keepStdoutClean();
    return testServers();
  },
  'test-servers-stop': testServersStop,
};

async function main([name = '', ...args]: readonly string[]): Promise<number> {
  const command = COMMANDS[name];
  if (command === undefined) {
    complain(`There is no command "${name}"; there are: ${Object.keys(COMMANDS).join(', ')}.`);
    return 2;
  }
  catchInterruptions();
  // A reader that has seen enough (`make start | head`) is no reason to break off.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  try {
    return (await command(args)) ?? 0;
  } catch (error) {
    if (error instanceof Interrupted) return error.exitCode;
    complain(error);
    return 1;
  }
}

// Not by waiting for the event loop: the schema engine's idle connections would hold it for ten more seconds.
process.exit(await main(process.argv.slice(2)));
