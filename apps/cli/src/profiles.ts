/**
 * Profiles: stores that a person works with, kept under a name in a file of theirs, with the API key for each. The file is
 * for its owner alone, because of the keys.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { storeUrl } from './arguments.js';
import { UsageError } from './exit-codes.js';
import type { Terminal } from './terminal.js';

export const profileName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    'must be 1 to 64 letters, digits, dots, _ and -, beginning with a letter or digit',
  );

const profile = z.strictObject({
  url: z.string().refine((text) => storeUrl.safeParse(text).success, 'must be the URL of a store'),
  apiKey: z.string().min(1).optional(),
});
const file = z.strictObject({
  /** The profile that is used unless another one is named. */
  current: z.string().optional(),
  profiles: z.record(profileName, profile),
});

export type Profile = z.infer<typeof profile>;
export type Profiles = z.infer<typeof file>;

/** Only for its owner. */
export const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** Where they are kept: as the XDG Base Directory Specification has it, which asks that relative paths be ignored. */
export function profilesPath(env: Terminal['env']): string {
  const configured = env['XDG_CONFIG_HOME'];
  const home = env['HOME'] || homedir();
  const folder = configured !== undefined && isAbsolute(configured) ? configured : join(home, '.config');
  return join(folder, 'triumvir', 'config.json');
}

/** @throws UsageError when the file is there but cannot be read, or is none of ours */
export function readProfiles(env: Terminal['env']): Profiles {
  const path = profilesPath(env);
  const parsed = file.safeParse(jsonIn(path));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`${path}: ${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'is wrong'}`);
}

/** The message of a fault does not repeat the text: there may be keys in it. */
function jsonIn(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { profiles: {} };
    throw new UsageError(`cannot read ${path}: ${message}`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(
      `${path} is not JSON; \`triumvir config set-profile\` writes a new one when it is gone`,
    );
  }
}

/** Writes them aside and then in place: whoever reads meanwhile sees the old file or the new one, and never half of one. */
export function writeProfiles(env: Terminal['env'], profiles: Profiles): void {
  const path = profilesPath(env);
  const aside = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE });
    writeFileSync(aside, `${JSON.stringify(profiles, null, 2)}\n`, { mode: FILE_MODE });
    // An existing file of that name keeps its mode.
    chmodSync(aside, FILE_MODE);
    renameSync(aside, path);
  } catch (error) {
    rmSync(aside, { force: true });
    throw new UsageError(`cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** @throws UsageError naming those that exist */
export function profileNamed({ profiles }: Profiles, name: string): Profile {
  const found = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (found !== undefined) return found;
  const names = Object.keys(profiles);
  const known = names.length === 0 ? 'there are none yet' : `there are ${names.join(', ')}`;
  throw new UsageError(`there is no profile ${name}; ${known}`);
}

const SHOWN_OF_A_KEY = 8;

/** Enough of a key to tell it from another one, and too little to use it. */
export function maskedKey(key: string | undefined): string {
  if (key === undefined) return '-';
  return key.length < 3 * SHOWN_OF_A_KEY ? '…' : `${key.slice(0, SHOWN_OF_A_KEY)}…`;
}
