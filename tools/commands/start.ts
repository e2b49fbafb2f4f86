/**
 * `make start`: servers, schema, services, and the example jobs. Each step does only what is missing, so a second start
 * changes nothing that runs, and one after a crash brings back what is gone.
 */
import { join } from 'node:path';
import { serviceCounts } from '../counts.js';
import { checkpoint, Interrupted, interrupted } from '../interruption.js';
import { holdLock } from '../lock.js';
import { Profile } from '../profile.js';
import { readState, writeState } from '../provision/system-state.js';
import { ROOT } from '../root.js';
import { runCommand } from '../run-command.js';
import { heading, say, warn } from '../screen.js';
import { apiKeyOf, readSettings } from '../settings.js';
import { startSystem } from '../start-system.js';
import { leaders } from '../system.js';
import { startWebUi } from '../web-ui.js';

const EXAMPLES = join('examples', 'jobs.json');

/** The command line's exit code when a job did not succeed; one of the examples fails on purpose. */
const JOB_NOT_SUCCEEDED = 5;
/** Its exit code when the store wants an API key, or another one. */
const NOT_AUTHORISED = 4;

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

  const storeUrl = await holdLock(profile, async () => {
    const url = await startSystem(profile, settings, counts);
    const { WEBUI_ADDR: page } = settings;
    if (page !== undefined) await startWebUi(profile, page, apiKeyOf(settings));
    return url;
  });
  const exitCode = await submitExamples(profile, storeUrl);
  checkpoint();
  await sayHowItStands(storeUrl);
  return exitCode;
}

/** Once while the system runs. */
async function submitExamples(profile: Profile, storeUrl: string): Promise<number> {
  const stateFile = profile.path('state.json');
  const state = readState(stateFile);
  if (state.examplesSubmitted) return 0;
  writeState(stateFile, { ...state, examplesSubmitted: true });

  heading(`The jobs of ${EXAMPLES} (one of them fails on purpose)`);
  const cli = join(ROOT, 'dist', 'apps', 'cli', 'src', 'main.js');
  const env = { ...process.env, STORE_SERVICE_URL: storeUrl, TRIUMVIR_API_KEY: apiKeyOf(readSettings()) };
  const exitCode = await runCommand(process.execPath, [cli, 'submit', '--file', EXAMPLES, '--wait'], {
    env,
    cwd: ROOT,
  });
  if (exitCode === 0 || exitCode === JOB_NOT_SUCCEEDED) return 0;
  // They are tried again with the next start.
  if (!interrupted.aborted) writeState(stateFile, { ...state, examplesSubmitted: false });
  if (exitCode !== NOT_AUTHORISED) return exitCode;
  // Who has made keys runs the system for other jobs than these.
  warn(
    'Examples',
    'left out: the API wants a key. Export TRIUMVIR_API_KEY and say make start again to run them',
  );
  return 0;
}

async function sayHowItStands(storeUrl: string): Promise<void> {
  const key = apiKeyOf(readSettings());
  heading('Triumvir runs');
  say('API', `${storeUrl}/api/v1/jobs`);
  say('Leaders', (await leaders(storeUrl, key))?.join('\n') ?? 'the store does not say; see make logs');
  say('Try', `STORE_SERVICE_URL=${storeUrl} npx triumvir submit 'echo hello' --wait`);
  if (key !== undefined)
    say('Key', 'the API wants one: export TRIUMVIR_API_KEY, with what STORE_BOOTSTRAP_KEY is');
  say('Look', 'make status, make logs, make zkcli');
  say('Stop', 'make stop');
}
