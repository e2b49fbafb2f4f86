/** Ends processes in good order: asks, waits, and only then insists; together with whatever they started. */
import { setTimeout as delay } from 'node:timers/promises';
import { descendants, isAlive, signal, type ProcessIdentity } from './process-identity.js';

const POLL_MS = 25;

/**
 * Ends all of them at once; resolves when each is gone, with those that had to be killed.
 * @param name The signal that asks for an orderly end.
 * @param graceMs How long they may take before they, and what they started, are killed.
 */
export async function endAll<Identity extends ProcessIdentity>(
  processes: readonly Identity[],
  name: NodeJS.Signals,
  graceMs: number,
): Promise<Identity[]> {
  const deadline = Date.now() + graceMs;
  for (const one of processes) {
    signal(one, name);
    // A paused process would get the signal only once it is resumed.
    signal(one, 'SIGCONT');
  }
  const left = () => processes.filter(isAlive);
  while (left().length > 0 && Date.now() < deadline) await delay(POLL_MS);

  const stubborn = left();
  await killTrees(stubborn);
  return stubborn;
}

/** Kills each of them and all below them at once (SIGKILL); resolves when they are gone. */
export async function killTrees(processes: readonly ProcessIdentity[]): Promise<void> {
  // Its children must be known before a process dies: orphans belong to nobody.
  const doomed = processes.flatMap((one) => [one, ...descendants(one.pid)]);
  for (const one of doomed) signal(one, 'SIGKILL');
  while (doomed.some(isAlive)) await delay(POLL_MS);
}
