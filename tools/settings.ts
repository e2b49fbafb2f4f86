/** What a person has set: the environment first, then `.env`. */
import { join } from 'node:path';
import { readEnvFile, withoutEmpty, type Settings } from './env-file.js';
import { ROOT } from './root.js';

export const ENV_FILE = join(ROOT, '.env');

/** make's and npm's own variables are no settings of ours, and some of them change what a nested make does. */
const TOOLING = /^(npm_|MAKE|MFLAGS$|MAKEFLAGS$)/;

/** The API key to ask the store with, where one was set: the first key of the store will do. */
export function apiKeyOf(settings: Settings): string | undefined {
  return settings['TRIUMVIR_API_KEY'] ?? settings['STORE_BOOTSTRAP_KEY'];
}

export function readSettings(environment: NodeJS.ProcessEnv = process.env): Settings {
  const own = Object.entries(environment).filter(([name]) => !TOOLING.test(name));
  return { ...readEnvFile(ENV_FILE), ...withoutEmpty(Object.fromEntries(own)) };
}
