/** The floor of running commands: a bare loop that spawns `/bin/sh -c` the way the handler does, so many at once. */
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { answerCommands } from '../stand/contestant.js';

export interface Spawning {
  readonly count: number;
  readonly concurrency: number;
  readonly command: string;
}

function runOnce(command: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const shell = spawn('/bin/sh', ['-c', command], {
      cwd: tmpdir(),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // Read to their end, as whoever keeps the output must.
    shell.stdout.resume();
    shell.stderr.resume();
    shell.on('error', reject);
    shell.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`exit code ${code}`))));
  });
}

const commands = {
  async spawnAll({ count, concurrency, command }: Spawning) {
    let left = count;
    const startedMs = performance.now();
    const loop = async () => {
      while (left > 0) {
        left -= 1;
        await runOnce(command);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, loop));
    return { seconds: (performance.now() - startedMs) / 1000 };
  },
};

export type SpawnLoop = typeof commands;
answerCommands(commands);
