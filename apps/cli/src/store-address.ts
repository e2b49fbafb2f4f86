/**
 * Which store is meant, and with which key: flags go before the environment, that before the profile, and that before the
 * default. A profile that is named by a flag is itself a flag.
 */
import { apiKeyOf } from './api-key.js';
import { storeUrl } from './arguments.js';
import { UsageError } from './exit-codes.js';
import { profileNamed, readProfiles, type Profile } from './profiles.js';
import type { Terminal } from './terminal.js';

export const DEFAULT_STORE_URL = 'http://localhost:3000';

/** The flags that every command takes. */
export interface GlobalFlags {
  readonly url?: URL;
  readonly apiKeyFile?: string;
  readonly profile?: string;
}

interface Setting<Value> {
  readonly value: Value;
  /** What said so, for people. */
  readonly from: string;
}

export interface StoreAddress {
  readonly url: Setting<URL>;
  readonly apiKey: Setting<string> | undefined;
}

interface Chosen {
  readonly profile: Profile;
  readonly from: string;
  /** Named by a flag, so that it goes before the environment. */
  readonly byFlag: boolean;
}

/** @throws UsageError when something that it depends on is wrong, or the profile does not exist */
export function storeAddressOf(flags: GlobalFlags, env: Terminal['env']): StoreAddress {
  const chosen = chosenProfile(flags, env);
  const url = urlOf(flags, env, chosen);
  return { url, apiKey: keyOf(flags, env, chosen, url.value) };
}

function chosenProfile(flags: GlobalFlags, env: Terminal['env']): Chosen | undefined {
  const profiles = readProfiles(env);
  const byFlag = flags.profile !== undefined;
  const name = flags.profile ?? (env['TRIUMVIR_PROFILE'] || profiles.current);
  if (name === undefined) return undefined;
  return { profile: profileNamed(profiles, name), from: `profile ${name}`, byFlag };
}

function urlOf(flags: GlobalFlags, env: Terminal['env'], chosen: Chosen | undefined): Setting<URL> {
  if (flags.url !== undefined) return { value: flags.url, from: '--url' };
  const ofProfile = chosen && { value: new URL(chosen.profile.url), from: chosen.from };
  if (ofProfile !== undefined && chosen?.byFlag === true) return ofProfile;
  // An empty variable is how compose files pass on what was not set.
  const text = env['STORE_SERVICE_URL'] || undefined;
  if (text === undefined) return ofProfile ?? { value: new URL(DEFAULT_STORE_URL), from: 'default' };
  const parsed = storeUrl.safeParse(text);
  if (parsed.success) return { value: parsed.data, from: 'STORE_SERVICE_URL' };
  throw new UsageError(`STORE_SERVICE_URL ${parsed.error.issues[0]?.message ?? 'is wrong'}`);
}

function keyOf(
  { apiKeyFile }: GlobalFlags,
  env: Terminal['env'],
  chosen: Chosen | undefined,
  url: URL,
): Setting<string> | undefined {
  const ofFlag = apiKeyFile === undefined ? undefined : apiKeyOf(apiKeyFile, {});
  if (ofFlag !== undefined) return { value: ofFlag, from: `--api-key-file ${apiKeyFile}` };
  const ofEnvironment = apiKeyOf(undefined, env);
  const ofProfile = keyFor(url, chosen);
  if (ofProfile !== undefined && chosen?.byFlag === true) return ofProfile;
  return ofEnvironment === undefined ? ofProfile : { value: ofEnvironment, from: 'TRIUMVIR_API_KEY' };
}

/** A profile's key goes to the profile's own store alone, whatever address a flag or a variable names. */
function keyFor(url: URL, chosen: Chosen | undefined): Setting<string> | undefined {
  const key = chosen?.profile.apiKey;
  if (chosen === undefined || key === undefined) return undefined;
  return url.origin === new URL(chosen.profile.url).origin ? { value: key, from: chosen.from } : undefined;
}
