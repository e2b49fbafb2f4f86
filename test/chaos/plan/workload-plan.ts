/** Which jobs a run submits, and when: a pure function of the seed. */
import { Random } from '../random.js';

export interface WorkItem {
  /** Since the beginning of the run, in milliseconds. */
  readonly atMs: number;
  /** Unique in the run, so that a submission whose answer was lost can be found again. */
  readonly name: string;
  readonly type: 'command' | 'print';
  readonly queue: string;
  readonly priority: number;
  readonly delayMs: number;
  /** How long the command works, in milliseconds. */
  readonly workMs: number;
  /** Attempts up to this one fail by design. */
  readonly failUntil: number;
  readonly maxAttempts: number;
  readonly retryDelayMs: number;
  /** The client asks for its cancellation so long after the submission. */
  readonly cancelAfterMs?: number;
  /** The client repeats the submission, with the same Idempotency-Key, until it knows what became of it. */
  readonly persistent: boolean;
}

const QUEUES = ['default', 'default', 'mail', 'reports'] as const;
/** So many attempts that faults alone hardly use them up: each lost executor costs one. */
const MANY_ATTEMPTS = 20;

export function planWorkload(seed: number, durationMs: number, perSecond: number): WorkItem[] {
  const random = new Random(seed, 'workload');
  const items: WorkItem[] = [];
  // Arrivals of many independent clients: exponential gaps.
  const gap = () => (-Math.log(1 - random.next()) * 1000) / perSecond;
  for (let atMs = gap(); atMs < durationMs; atMs += gap()) {
    items.push(planItem(random, Math.round(atMs), items.length + 1));
  }
  return items;
}

function planItem(random: Random, atMs: number, number: number): WorkItem {
  const shape = random.next();
  const hopeless = shape < 0.02;
  const failing = shape >= 0.02 && shape < 0.12;
  const cancelled = shape >= 0.12 && shape < 0.16;
  const delayed = random.chance(0.15);
  return {
    atMs,
    name: `work-${String(number).padStart(6, '0')}`,
    type: !hopeless && !failing && !cancelled && random.chance(0.2) ? 'print' : 'command',
    queue: random.pick(QUEUES),
    priority: random.chance(0.2) ? random.between(0, 9) : 5,
    delayMs: delayed ? random.between(200, 4000) : 0,
    workMs: cancelled ? 400 : random.between(5, 400),
    failUntil: hopeless ? 1000 : failing ? random.between(1, 2) : 0,
    maxAttempts: hopeless ? random.between(1, 3) : MANY_ATTEMPTS,
    retryDelayMs: random.between(100, 1000),
    ...(cancelled ? { cancelAfterMs: random.between(0, 600) } : {}),
    persistent: random.chance(0.5),
  };
}
