/**
 * `make start`: servers, schema, services, and the example jobs. Each step does only what is missing, so a second start
 * changes nothing that runs, and one after a crash brings back what is gone.
 */
import { join } from 'node:path';
import { migrate } from '#common/database/migrate.js';
import { serviceCounts, type ServiceCounts } from '../counts.js';
import type { Settings } from '../env-file.js';
import { checkpoint, Interrupted, interrupted } from '../interruption.js';
import { holdLock } from '../lock.js';
import type { ProcessRecord } from '../process-registry.js';
import { Profile } from '../profile.js';
import { keepCredentials } from '../provision/credentials.js';
import { provideServers } from '../provision/provide.js';
import { readState, writeState } from '../provision/system-state.js';
import { ROOT } from '../root.js';
import { runCommand } from '../run-command.js';
import { heading, PlainError, say, warn } from '../screen.js';
import { SERVICE_KINDS, waitUntilReady } from '../services.js';
import { ENV_FILE, readSettings } from '../settings.js';
import { currentBuild, launchServices, leaders, missingServices, urlOf } from '../system.js';

const EXAMPLES = join('examples', 'jobs.json');

/** The command line's exit code when a job did not succeed; one of the examples fails on purpose. */
const JOB_NOT_SUCCEEDED = 5;

export async function start(): Promise<number> {
  try {
    return await startAll();
  } catch (error) {
    if (error instanceof Interrupted)
      warn('Interrupted', 'make stop ends what was started, make start goes on from here');
    throw error;
  }
}

async function startAll(): Promise<number> {
  const profile = new Profile('start');
  profile.prepare();
  const settings = readSettings();
  const counts = serviceCounts(settings);

  const storeUrl = await holdLock(profile, () => startSystem(profile, settings, counts));
  const exitCode = await submitExamples(profile, storeUrl);
  checkpoint();
  await sayHowItStands(storeUrl);
  return exitCode;
}

/** Resolves with the URL of the first store. */
async function startSystem(profile: Profile, settings: Settings, counts: ServiceCounts): Promise<string> {
  const connections = await provideServers({
    profile,
    settings,
    credentialsFor: (servers) => keepCredentials(ENV_FILE, settings, servers),
    usualPorts: true,
  });
  checkpoint();

  const running = profile.registry.running().filter(({ kind }) => kind !== 'server');
  const missing = missingServices(counts, running);
  if (missing.length > 0) {
    await bringUpToDate(connections['DATABASE_URL'] ?? '');
    checkpoint();
    const launched = await launchServices(profile, missing, settings, connections);
    await waitUntilReady(launched);
    say('Services', launched.map(placeOf).join(', '));
  }
  if (running.length > 0) sayWhatIsKept(running, counts);

  const store = profile.registry.running().find(({ kind }) => kind === 'store');
  if (store === undefined) throw new PlainError('No store runs any more; see make logs.');
  return urlOf(store.port);
}

function placeOf({ id, port, usualPort }: { id: string; port: number; usualPort: number }): string {
  return `${id} on ${port}${port === usualPort ? '' : ` (${usualPort} is taken)`}`;
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

/** Once while the system runs. */
async function submitExamples(profile: Profile, storeUrl: string): Promise<number> {
  const stateFile = profile.path('state.json');
  const state = readState(stateFile);
  if (state.examplesSubmitted) return 0;
  writeState(stateFile, { ...state, examplesSubmitted: true });

  heading(`The jobs of ${EXAMPLES} (one of them fails on purpose)`);
  const cli = join(ROOT, 'dist', 'apps', 'cli', 'src', 'main.js');
  const env = { ...process.env, STORE_SERVICE_URL: storeUrl };
  const exitCode = await runCommand(process.execPath, [cli, 'submit', '--file', EXAMPLES, '--wait'], {
    env,
    cwd: ROOT,
  });
  if (exitCode === 0 || exitCode === JOB_NOT_SUCCEEDED) return 0;
  // They are tried again with the next start.
  if (!interrupted.aborted) writeState(stateFile, { ...state, examplesSubmitted: false });
  return exitCode;
}

async function sayHowItStands(storeUrl: string): Promise<void> {
  heading('Triumvir runs');
  say('API', `${storeUrl}/api/v1/jobs`);
  say('Leaders', (await leaders(storeUrl))?.join('\n') ?? 'the store does not say; see make logs');
  say('Try', `STORE_SERVICE_URL=${storeUrl} npx triumvir submit 'echo hello' --wait`);
  say('Look', 'make status, make logs, make zkcli');
  say('Stop', 'make stop');
}
