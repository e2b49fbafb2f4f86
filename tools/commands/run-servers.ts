/**
 * `make run-servers` and `make stop-servers`: the stores, which take jobs, with the schedulers that feed the workers.
 * Workers are another target, `make run-worker`, as their users have it in other terminals.
 */
import { serviceCounts } from '../counts.js';
import { endAll } from '../ending.js';
import { holdLock } from '../lock.js';
import { Profile } from '../profile.js';
import { say, warn } from '../screen.js';
import { readServersFile, writeServersFile } from '../servers-file.js';
import { readSettings } from '../settings.js';
import { startSystem } from '../start-system.js';

const GRACE_MS = 15_000;

export async function runServers(): Promise<void> {
  const profile = new Profile('start');
  profile.prepare();
  const settings = readSettings();
  const counts = { ...serviceCounts(settings), executor: 0 };
  await holdLock(profile, () => startSystem(profile, settings, counts, 'live'));
  say('Servers', readServersFile());
  say('Next', 'make run-worker, in other terminals; make run-client CMD="echo hello"');
}

export async function stopServers(): Promise<void> {
  const profile = new Profile('start');
  await holdLock(profile, async () => {
    const servers = profile.registry.running().filter(({ kind }) => kind === 'store' || kind === 'scheduler');
    const killed = await endAll(servers, 'SIGTERM', GRACE_MS);
    for (const { name } of servers) profile.registry.remove(name);
    writeServersFile(profile);
    say('Stopped', servers.length === 0 ? 'no servers ran' : servers.map(({ name }) => name).join(', '));
    for (const { name, pid } of killed) warn('Killed', `${name} (process ${pid}) did not end when asked`);
  });
}
