/** The page of `triumvir-webui` as a process of `make start`. */
import { launchProgram, waitUntilReady } from './services.js';
import type { Profile } from './profile.js';
import { Ports } from './ports.js';
import { PlainError, say } from './screen.js';
import { readServersFile } from './servers-file.js';

export const WEB_UI = 'apps/cli/src/compat/web-ui-main.js';
const NAME = 'webui';

/**
 * Starts the page unless it runs.
 * @param address `:8080` or `host:8080`
 * @param apiKey what it calls the stores with, where they want one
 * @throws PlainError when the address is none, or its port is taken
 */
export async function startWebUi(
  profile: Profile,
  address: string,
  apiKey: string | undefined,
): Promise<void> {
  if (profile.registry.running().some(({ name }) => name === NAME)) return;
  const port = Number(/^(?:[^\s]*:)?(\d{1,5})$/.exec(address)?.[1] ?? Number.NaN);
  if (Number.isNaN(port))
    throw new PlainError(`WEBUI_ADDR=${address} is wrong: it must be :port or host:port.`);
  if ((await new Ports().take(port)) !== port)
    throw new PlainError(`Port ${port} is taken; WEBUI_ADDR names another one for the page, such as :8081.`);
  const logFile = profile.logFile(NAME);
  const env = {
    PATH: process.env['PATH'] ?? '',
    ...(apiKey === undefined ? {} : { TRIUMVIR_API_KEY: apiKey }),
  };
  const args = [`-addr=${address}`, `-servers=${readServersFile()}`];
  const page = launchProgram(WEB_UI, args, { env, logFile, detached: true });
  profile.registry.add({ name: NAME, kind: 'webui', ...page, port, logFile });
  await waitUntilReady([{ ...page, id: NAME, port, logFile }]);
  say('Page', `http://localhost:${port}`);
}
