/** `make stop`: ends what `make start` began, a start that is still under way included. */
import { setTimeout as delay } from 'node:timers/promises';
import { checkpoint } from '../interruption.js';
import { holdLock, lockHolder } from '../lock.js';
import { isAlive, signal } from '../process-identity.js';
import { Profile } from '../profile.js';
import { say, warn } from '../screen.js';
import { writeServersFile } from '../servers-file.js';
import { readSettings } from '../settings.js';
import { stopProfile } from '../stop-profile.js';

const POLL_MS = 50;
/** What services themselves allow running jobs (SHUTDOWN_GRACE_MS), and some time to end after that. */
const USUAL_GRACE_MS = 30_000;
const MARGIN_MS = 5000;

export async function stop(): Promise<void> {
  const profile = new Profile('start');
  const starting = lockHolder(profile.lockFile);
  if (starting !== undefined) {
    say('Stopping', `a make start that is under way (process ${starting.pid})`);
    signal(starting, 'SIGTERM');
    while (isAlive(starting)) {
      checkpoint();
      await delay(POLL_MS);
    }
  }
  await holdLock(profile, async () => {
    const executors = profile.registry.running().filter(({ kind }) => kind === 'executor').length;
    const graceMs = Number(readSettings()['SHUTDOWN_GRACE_MS'] ?? USUAL_GRACE_MS);
    if (executors > 0) say('Stopping', `running jobs may finish, for up to ${graceMs / 1000} s`);
    const { services, servers, killed } = await stopProfile(profile, graceMs + MARGIN_MS);
    writeServersFile(profile);
    const ended = [...services.map(({ name }) => name), ...servers];
    say('Stopped', ended.length === 0 ? 'nothing ran' : ended.join(', '));
    for (const { name, pid } of killed) warn('Killed', `${name} (process ${pid}) did not end when asked`);
  });
}
