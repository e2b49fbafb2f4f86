/** The steps from nothing to running services, each of which does only what is missing: servers, schema, processes. */
import { join } from 'node:path';
import { migrate } from '#common/database/migrate.js';
import type { ServiceCounts } from './counts.js';
import type { Settings } from './env-file.js';
import { checkpoint } from './interruption.js';
import type { ProcessRecord } from './process-registry.js';
import type { Profile } from './profile.js';
import { keepCredentials } from './provision/credentials.js';
import { provideServers } from './provision/provide.js';
import { ROOT } from './root.js';
import { PlainError, say, warn } from './screen.js';
import { writeServersFile } from './servers-file.js';
import { SERVICE_KINDS, waitUntilReady } from './services.js';
import { ENV_FILE } from './settings.js';
import { currentBuild, launchServices, missingServices, urlOf, type LaunchedAt } from './system.js';

/** Postgres, Redis and ZooKeeper; resolves with the settings by which they are reached. */
export function provideForServices(profile: Profile, settings: Settings): Promise<Settings> {
  return provideServers({
    profile,
    settings,
    credentialsFor: (servers) => keepCredentials(ENV_FILE, settings, servers),
    usualPorts: true,
  });
}

/**
 * Resolves with the URL of the first store.
 * @param until a store is not ready before an executor has told what it runs
 */
export async function startSystem(
  profile: Profile,
  settings: Settings,
  counts: ServiceCounts,
  until: 'ready' | 'live' = 'ready',
): Promise<string> {
  const connections = await provideForServices(profile, settings);
  checkpoint();

  const running = profile.registry.running().filter(({ kind }) => kind !== 'server' && kind !== 'webui');
  const missing = missingServices(counts, running);
  if (missing.length > 0) {
    await bringUpToDate(connections['DATABASE_URL'] ?? '');
    checkpoint();
    const launched = await launchServices(profile, missing, settings, connections);
    await waitUntilReady(launched, undefined, until);
    say('Services', launched.map(placeOf).join(', '));
  }
  if (running.length > 0) sayWhatIsKept(running, counts);

  writeServersFile(profile);
  const store = profile.registry.running().find(({ kind }) => kind === 'store');
  if (store === undefined) throw new PlainError('No store runs any more; see make logs.');
  return urlOf(store.port);
}

function placeOf({ id, port, usualPort, grpcPort }: LaunchedAt): string {
  const grpc = grpcPort === undefined ? '' : `, gRPC on ${grpcPort}`;
  return `${id} on ${port}${port === usualPort ? '' : ` (${usualPort} is taken)`}${grpc}`;
}

async function bringUpToDate(databaseUrl: string): Promise<void> {
  const { applied } = await migrate(databaseUrl, join(ROOT, 'prisma'));
  const what = applied.length === 0 ? 'the schema is up to date' : `applied ${applied.join(', ')}`;
  say('Database', what);
}

function sayWhatIsKept(running: readonly ProcessRecord[], counts: ServiceCounts): void {
  say('Services', `running already and left alone: ${running.map(({ name }) => name).join(', ')}`);
  for (const kind of SERVICE_KINDS) {
    const here = running.filter((record) => record.kind === kind).length;
    if (here > counts[kind])
      warn('Note', `${here} ${kind}s run, ${counts[kind]} are asked for: make stop && make start for fewer`);
  }
  const old = running.filter(({ build }) => build !== currentBuild());
  if (old.length > 0) {
    warn(
      'Note',
      `built anew since they started: ${old.map(({ name }) => name).join(', ')}; make stop && make start for the new code`,
    );
  }
}
