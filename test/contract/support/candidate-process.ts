/** Starts candidate-main.mjs and waits until it leads. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ELECTION, SESSION_TIMEOUT_MS } from './instance.js';

const MAIN = fileURLToPath(new URL('candidate-main.mjs', import.meta.url));

export interface CandidateProcessOptions {
  readonly zookeeper: string;
  readonly root: string;
  readonly databaseUrl: string;
}

export class CandidateProcess {
  private constructor(private readonly child: ChildProcess) {}

  static async start(options: CandidateProcessOptions): Promise<CandidateProcess> {
    const settings = { ...options, election: ELECTION, sessionTimeoutMs: SESSION_TIMEOUT_MS };
    const child = spawn(process.execPath, [MAIN, JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const candidate = new CandidateProcess(child);
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    for await (const line of createInterface(child.stdout)) {
      if (line.startsWith('leading ')) return candidate;
    }
    throw new Error(`the candidate ended with code ${child.exitCode} and never led; is dist/ up to date?`);
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }
}
