/** `make logs`: the last lines of every log, each with the name of its writer; on a terminal also what comes after. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { existsSync } from 'node:fs';
import { interrupted } from '../interruption.js';
import type { ProcessRecord } from '../process-registry.js';
import { Profile } from '../profile.js';
import { PlainError, say } from '../screen.js';

const DEFAULT_LINES = '20';

export async function logs(): Promise<void> {
  const { NAME: name = '', LINES: lines = DEFAULT_LINES } = process.env;
  if (!/^\d+$/.test(lines)) throw new PlainError(`LINES=${lines} is wrong: it must be a whole number.`);
  const records = new Profile('start').registry.all().filter((record) => existsSync(record.logFile));
  const wanted = records.filter((record) => record.name.includes(name));
  if (wanted.length === 0) {
    const names = records.map((record) => record.name).join(', ');
    say(
      'Logs',
      records.length === 0
        ? 'there are none; make start makes some'
        : `none of "${name}"; there are: ${names}`,
    );
    return;
  }
  const width = Math.max(...wanted.map((record) => record.name.length));
  const follow = process.stdout.isTTY;
  await Promise.all(wanted.map((record) => show(record, lines, follow, width)));
}

function show(
  { name, logFile }: ProcessRecord,
  lines: string,
  follow: boolean,
  width: number,
): Promise<void> {
  return new Promise((resolve) => {
    const tail = spawn('tail', ['-n', lines, ...(follow ? ['-F'] : []), logFile], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    interrupted.addEventListener('abort', () => tail.kill());
    process.stdout.once('error', () => tail.kill()); // The reader has seen enough.
    createInterface({ input: tail.stdout }).on('line', (line) =>
      console.log(`${name.padEnd(width)} | ${line}`),
    );
    tail.once('error', () => resolve());
    tail.once('close', () => resolve());
  });
}
