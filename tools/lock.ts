/** One `make start` (or `make test`) at a time: a file that names the process that holds it. */
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { identify, isAlive, type ProcessIdentity } from './process-identity.js';
import type { Profile } from './profile.js';
import { PlainError } from './screen.js';

const holderSchema = z.object({ pid: z.number(), startedAt: z.string() });

/** Takes the lock and returns what lets it go; or returns the process that holds it. A dead holder holds nothing. */
export function takeLock(file: string): { release: () => void } | { holder: ProcessIdentity } {
  mkdirSync(dirname(file), { recursive: true });
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, JSON.stringify(identify(process.pid)));
  try {
    const holder = lockHolder(file);
    if (holder !== undefined) return { holder };
    rmSync(file, { force: true });
    linkSync(mine, file); // Unlike a rename it fails when somebody was quicker, and the file is never seen half written.
    return { release: () => rmSync(file, { force: true }) };
  } catch (error) {
    const holder = lockHolder(file);
    if (holder !== undefined) return { holder };
    throw error;
  } finally {
    rmSync(mine, { force: true });
  }
}

export function lockHolder(file: string): ProcessIdentity | undefined {
  try {
    const holder = holderSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    return isAlive(holder) ? holder : undefined;
  } catch {
    return undefined; // No lock, or one that was cut off while it was written: nobody holds it.
  }
}

/**
 * Does `work` while nobody else works on the profile.
 * @throws PlainError when somebody does.
 */
export async function holdLock<Result>(profile: Profile, work: () => Promise<Result>): Promise<Result> {
  const lock = takeLock(profile.lockFile);
  if ('holder' in lock) {
    throw new PlainError(
      `Another make target works on .triumvir/${profile.name} right now (process ${lock.holder.pid}).`,
    );
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}
