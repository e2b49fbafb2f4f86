/**
 * How many deliveries go into one envelope. A deep backlog of quick jobs travels in large envelopes, because a queue
 * costs per message; slow jobs and short backlogs travel alone, because an envelope is run by one slot and nothing may
 * wait behind a slow neighbour while other slots are free.
 */

/** About how much work one envelope should hold, in milliseconds of handler time. */
const ENVELOPE_WORK_MS = 10;
/** The same where each slot has at least four such envelopes before it: what travels together then waits no longer than alone. */
const DEEP_ENVELOPE_WORK_MS = 100;
const DEEP_ENVELOPES = 4;
export const MAX_ENVELOPE_SIZE = 200;

/**
 * @param meanMs measured mean duration of the type in milliseconds, or undefined while nothing is known
 * @param waiting deliveries of the type that are about to be handed over, and those of the queue that still wait
 * @param slots slots of the living executors that serve the queue
 */
export function envelopeSize(meanMs: number | undefined, waiting: number, slots: number): number {
  if (meanMs === undefined) return 1;
  const worth = (ms: number) => Math.floor(ms / Math.max(meanMs, 0.001));
  const share = Math.floor(waiting / Math.max(slots, 1));
  const size = Math.max(
    Math.min(worth(ENVELOPE_WORK_MS), share),
    Math.min(worth(DEEP_ENVELOPE_WORK_MS), Math.floor(share / DEEP_ENVELOPES)),
  );
  return Math.max(1, Math.min(size, MAX_ENVELOPE_SIZE));
}

export interface Packable {
  readonly type: string;
}

/**
 * Splits `items` into envelopes of one type each, in the order given.
 * @param ahead deliveries of the queue that wait already: as long as there are enough, no slot lacks work for large envelopes
 */
export function pack<Item extends Packable>(
  items: readonly Item[],
  meanMsOf: (type: string) => number | undefined,
  slots: number,
  ahead = 0,
): Item[][] {
  const waiting = new Map<string, number>();
  for (const { type } of items) waiting.set(type, (waiting.get(type) ?? 0) + 1);

  const envelopes: Item[][] = [];
  const open = new Map<string, Item[]>();
  for (const item of items) {
    let envelope = open.get(item.type);
    if (envelope === undefined) {
      envelope = [];
      envelopes.push(envelope);
      open.set(item.type, envelope);
    }
    envelope.push(item);
    const size = envelopeSize(meanMsOf(item.type), ahead + (waiting.get(item.type) ?? 1), slots);
    if (envelope.length >= size) open.delete(item.type);
  }
  return envelopes;
}
