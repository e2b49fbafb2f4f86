/** In which order faults are injected: a pure function of the seed. Every fault has its turn before any has a second. */
import type { Fault } from '../faults/fault.js';
import { Random } from '../random.js';

export interface PlannedFault {
  readonly fault: Fault;
  /** Injected while the first one lasts; now and then. */
  readonly also: Fault | undefined;
  /** Quiet time before it, in milliseconds. */
  readonly quietMs: number;
}

const OVERLAPPING = 0.15;

export function planFaults(seed: number, faults: readonly Fault[], count: number): PlannedFault[] {
  const random = new Random(seed, 'faults');
  const planned: PlannedFault[] = [];
  let round: Fault[] = [];
  while (planned.length < count && faults.length > 0) {
    if (round.length === 0) round = random.shuffled(faults);
    const fault = round.shift();
    if (fault === undefined) break;
    const partner = random.pick(faults);
    const overlaps = random.chance(OVERLAPPING) && canOverlap(fault, partner);
    planned.push({ fault, also: overlaps ? partner : undefined, quietMs: random.between(1000, 3000) });
  }
  return planned;
}

/** One disaster at a time where servers lose data or room; otherwise any two that harm different parts. */
function canOverlap(one: Fault, other: Fault): boolean {
  return one.harms !== other.harms && one.needsSmallDisk === undefined && other.needsSmallDisk === undefined;
}
