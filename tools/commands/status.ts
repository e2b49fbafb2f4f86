/** `make status`: what of `make start` runs, where, and who leads. Exit code 1 when something that should run does not. */
import { isAlive } from '../process-identity.js';
import type { ProcessRecord } from '../process-registry.js';
import { Profile } from '../profile.js';
import { placeOf } from '../provision/given.js';
import { DISPLAY_NAMES, SERVER_NAMES } from '../provision/server-names.js';
import { readState } from '../provision/system-state.js';
import { say, warn } from '../screen.js';
import { isReady } from '../services.js';
import { apiKeyOf, readSettings } from '../settings.js';
import { leaders, urlOf } from '../system.js';

export async function status(): Promise<number> {
  const profile = new Profile('start');
  const records = profile.registry.all();
  const { servers } = readState(profile.path('state.json'));
  if (records.length === 0 && Object.keys(servers).length === 0) {
    say('Status', 'nothing runs; make start starts everything');
    return 0;
  }
  const sound: boolean[] = [];
  for (const name of SERVER_NAMES) {
    const known = servers[name];
    const record = records.find((candidate) => candidate.name === name);
    const gone = record !== undefined && !isAlive(record);
    if (known === undefined || gone) warn(DISPLAY_NAMES[name], 'does not run');
    else
      say(
        DISPLAY_NAMES[name],
        `${placeOf(name, known.env)}${record === undefined ? ` (${known.source})` : ` (process ${record.pid})`}`,
      );
    sound.push(known !== undefined && !gone);
  }
  const services = records.filter(({ kind }) => kind !== 'server');
  const ready = await Promise.all(services.map(async (service) => isAlive(service) && isReady(service.port)));
  services.forEach((service, index) => sayService(service, ready[index] ?? false));
  sound.push(...ready);

  const store = services.find((record) => record.kind === 'store' && isAlive(record));
  if (store !== undefined)
    say(
      'Leaders',
      (await leaders(urlOf(store.port), apiKeyOf(readSettings())))?.join('\n') ?? 'the store does not say',
    );
  return sound.every(Boolean) ? 0 : 1;
}

function sayService(record: ProcessRecord, ready: boolean): void {
  const place = `${urlOf(record.port)} (process ${record.pid})`;
  if (ready) say(record.name, place);
  else if (isAlive(record)) warn(record.name, `${place}, not ready; its log: ${record.logFile}`);
  else warn(record.name, `does not run; its log: ${record.logFile}`);
}
