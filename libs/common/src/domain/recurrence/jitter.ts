/**
 * Jitter: how much later than its due time an occurrence runs, so that a thousand schedules for midnight do not all run
 * at midnight. It is a hash and not chance: a preview shows it, and two leaders agree on it.
 */

/** Milliseconds from 0 to `maxMs`, evenly spread, always the same for the same schedule and due time. */
export function jitterMs(schedule: string, dueAt: number, maxMs: number): number {
  return maxMs === 0 ? 0 : fnv1a(`${schedule}@${dueAt}`) % (maxMs + 1);
}

/** The 32-bit FNV-1a hash (Fowler, Noll, Vo) of a text's UTF-16 units, with a final mix so that its low bits are even. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
