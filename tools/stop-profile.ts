/** Ends what a profile has started, and nothing else: first the services, then the servers they stand on. */
import { endAll } from './ending.js';
import { isAlive } from './process-identity.js';
import type { ProcessRecord } from './process-registry.js';
import type { Profile } from './profile.js';
import { composeProject } from './provision/provide.js';
import { SERVER_NAMES } from './provision/server-names.js';
import { readState, writeState } from './provision/system-state.js';

const SERVER_GRACE_MS = 15_000;

export interface Stopped {
  readonly services: readonly ProcessRecord[];
  readonly servers: readonly string[];
  /** Those that did not end when asked. */
  readonly killed: readonly ProcessRecord[];
}

/** @param graceMs How long services may take before they are killed. */
export async function stopProfile(profile: Profile, graceMs: number): Promise<Stopped> {
  const services = profile.registry.running().filter(({ kind }) => kind !== 'server');
  const killed = [...(await endAll(services, 'SIGTERM', graceMs))];

  const servers = profile.registry.running().filter(({ kind }) => kind === 'server');
  const endings = servers.map((server) => endAll([server], stopSignal(server), SERVER_GRACE_MS));
  killed.push(...(await Promise.all(endings)).flat());

  const stateFile = profile.path('state.json');
  const state = readState(stateFile);
  const inDocker = SERVER_NAMES.filter((name) => state.servers[name]?.source === 'docker');
  if (inDocker.length > 0) {
    // Tests begin with empty servers every time; what `make start` stored stays.
    await (profile.name === 'start'
      ? composeProject(profile).stop(inDocker)
      : composeProject(profile).remove());
  }
  for (const record of profile.registry.all()) if (!isAlive(record)) profile.registry.remove(record.name);
  if (Object.keys(state.servers).length > 0) writeState(stateFile, { servers: {}, examplesSubmitted: false });
  return { services, servers: [...servers.map(({ name }) => name), ...inDocker], killed };
}

/** On SIGTERM Postgres would wait until every client has gone by itself. */
function stopSignal({ name }: ProcessRecord): NodeJS.Signals {
  return name === 'postgres' ? 'SIGINT' : 'SIGTERM';
}
