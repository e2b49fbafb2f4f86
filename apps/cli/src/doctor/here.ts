/** What the doctor can see without asking anybody: this program, and the files that it and the services read. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { parse } from 'dotenv';
import { profilesPath, readProfiles } from '../profiles.js';
import type { Terminal } from '../terminal.js';
import { fail, ok, reasonOf, warn, type Finding } from './finding.js';

/** The least that package.json asks for. */
const LEAST_NODE = [20, 19] as const;
const SETTINGS_FILE = '.env';
/** What a file's mode allows to anybody but its owner. */
const OTHERS = 0o077;

export function lookAtNode(version: string): Finding {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const enough = major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1]);
  return enough
    ? ok('node', version)
    : fail('node', `${version} is too old`, `install Node ${LEAST_NODE.join('.')} or later`);
}

/** The file that the services read their settings from, when it is here, and what is in it. */
export function lookAtSettings(env: Terminal['env']): { finding: Finding; settings: Terminal['env'] } {
  if (!existsSync(SETTINGS_FILE)) {
    return {
      finding: ok('settings', `no ${SETTINGS_FILE} here; the environment alone counts`),
      settings: env,
    };
  }
  try {
    const inFile = parse(readFileSync(SETTINGS_FILE, 'utf8'));
    const finding = ok('settings', `${SETTINGS_FILE} has ${Object.keys(inFile).length} settings`);
    return { finding, settings: { ...inFile, ...env } };
  } catch (error) {
    const finding = fail('settings', reasonOf(error), `make ${SETTINGS_FILE} readable for you`);
    return { finding, settings: env };
  }
}

export function lookAtProfiles(env: Terminal['env']): Finding {
  const path = profilesPath(env);
  if (!existsSync(path)) return ok('profiles', 'none');
  try {
    const names = Object.keys(readProfiles(env).profiles);
    const others = statSync(path).mode & OTHERS;
    return others === 0 || process.platform === 'win32'
      ? ok('profiles', `${names.join(', ') || 'none'} in ${path}`)
      : warn('profiles', `${path} can be read by others`, `chmod 600 ${path}`);
  } catch (error) {
    return fail('profiles', reasonOf(error), `mend ${path}, or delete it and save your profiles anew`);
  }
}
