/** One `make start` (or `make test`) at a time: a file that names the process that holds it. */
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { checkpoint } from './interruption.js';
import { identify, isAlive, type ProcessIdentity } from './process-identity.js';
import type { Profile } from './profile.js';
import { PlainError, say } from './screen.js';

const holderSchema = z.object({ pid: z.number(), startedAt: z.string() });

const POLL_MS = 50;

/** Takes the lock and returns what lets it go; or returns the process that holds it. A dead holder holds nothing. */
export function takeLock(file: string): { release: () => void } | { holder: ProcessIdentity } {
  mkdirSync(dirname(file), { recursive: true });
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, JSON.stringify(identify(process.pid)));
  try {
    for (;;) {
      const taken = unless('EEXIST', () => {
        linkSync(mine, file); // Unlike a rename it fails when somebody was quicker, and the file is never seen half written.
        return true;
      });
      if (taken === true) return { release: () => rmSync(file, { force: true }) };
      const text = read(file);
      if (text === undefined) continue; // Let go this moment. Deleting it now could delete the next one's.
      const holder = holderIn(text);
      if (holder !== undefined) return { holder };
      rmSync(file, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

export function lockHolder(file: string): ProcessIdentity | undefined {
  return holderIn(read(file) ?? '');
}

function read(file: string): string | undefined {
  return unless('ENOENT', () => readFileSync(file, 'utf8'));
}

function holderIn(text: string): ProcessIdentity | undefined {
  try {
    const holder = holderSchema.parse(JSON.parse(text));
    return isAlive(holder) ? holder : undefined;
  } catch {
    return undefined; // No lock, or one that was cut off while it was written: nobody holds it.
  }
}

/** What `action` returns; undefined when it fails with this code. */
function unless<Result>(code: string, action: () => Result): Result | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === code) return undefined;
    throw error;
  }
}

/**
 * Does `work` while nobody else works on the profile.
 * @param whenHeld What to do while somebody does: give up, or wait.
 * @throws PlainError when it is to give up.
 */
export async function holdLock<Result>(
  profile: Profile,
  work: () => Promise<Result>,
  whenHeld: 'refuse' | 'wait' = 'refuse',
): Promise<Result> {
  let lock = takeLock(profile.lockFile);
  if ('holder' in lock) {
    const reason = `Another make target works on .triumvir/${profile.name} right now (process ${lock.holder.pid}).`;
    if (whenHeld === 'refuse') throw new PlainError(reason);
    say('Waiting', reason);
  }
  while ('holder' in lock) {
    checkpoint();
    await delay(POLL_MS);
    lock = takeLock(profile.lockFile);
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}
