/** `make stop`: ends what `make start` began, a start that is still under way included. */
import { setTimeout as delay } from 'node:timers/promises';
import { checkpoint } from '../interruption.js';
import { holdLock, lockHolder } from '../lock.js';
import { isAlive, signal } from '../process-identity.js';
import { Profile } from '../profile.js';
import { say, warn } from '../screen.js';
import { stopProfile } from '../stop-profile.js';

const POLL_MS = 50;

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
    if (executors > 0) say('Stopping', 'running jobs may finish, for up to 30 s');
    const { services, servers, killed } = await stopProfile(profile);
    const ended = [...services.map(({ name }) => name), ...servers];
    say('Stopped', ended.length === 0 ? 'nothing ran' : ended.join(', '));
    for (const { name, pid } of killed) warn('Killed', `${name} (process ${pid}) did not end when asked`);
  });
}
