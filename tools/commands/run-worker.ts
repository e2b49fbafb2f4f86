/** `make run-worker`: one more executor, in this terminal until Ctrl-C; its log file is kept all the same. */
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { endAll } from '../ending.js';
import { interrupted } from '../interruption.js';
import { holdLock } from '../lock.js';
import { isAlive } from '../process-identity.js';
import { Profile } from '../profile.js';
import { PlainError, say } from '../screen.js';
import { waitUntilReady } from '../services.js';
import { readSettings } from '../settings.js';
import { provideForServices } from '../start-system.js';
import { launchServices } from '../system.js';

const POLL_MS = 100;
/** What an executor itself allows running jobs, and some time to end after that. */
const USUAL_GRACE_MS = 30_000;
const MARGIN_MS = 5000;

export async function runWorker(): Promise<void> {
  const profile = new Profile('start');
  profile.prepare();
  const settings = readSettings();
  const launch = async () => {
    if (!profile.registry.running().some(({ kind }) => kind === 'store'))
      throw new PlainError('No servers run: make run-servers, or make start.');
    const connections = await provideForServices(profile, settings);
    const index = firstFree(profile);
    const plan = { kind: 'executor', id: `executor-${index + 1}`, index } as const;
    const [launched] = await launchServices(profile, [plan], settings, connections);
    if (launched === undefined) throw new PlainError('The worker did not start.');
    return launched;
  };
  // Several of them, started in several terminals at once, take turns.
  const worker = await holdLock(profile, launch, 'wait');
  try {
    await waitUntilReady([worker]);
    say('Worker', `${worker.id} runs; Ctrl-C ends it. Its log: ${worker.logFile}`);
    const tail = spawn('tail', ['-n', '0', '-F', worker.logFile], { stdio: ['ignore', 'inherit', 'ignore'] });
    while (isAlive(worker) && !interrupted.aborted) await delay(POLL_MS);
    tail.kill();
  } finally {
    const graceMs = Number(settings['SHUTDOWN_GRACE_MS'] ?? USUAL_GRACE_MS) + MARGIN_MS;
    await endAll([worker], 'SIGTERM', graceMs);
    profile.registry.remove(worker.id);
    say('Stopped', worker.id);
  }
}

/** Its place among the executors: each has a number that no running one has. */
function firstFree(profile: Profile): number {
  const names = new Set(profile.registry.running().map(({ name }) => name));
  let index = 0;
  while (names.has(`executor-${index + 1}`)) index += 1;
  return index;
}
