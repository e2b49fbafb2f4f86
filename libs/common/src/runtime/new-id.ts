/**
 * Ids of jobs and everything else that is stored: UUIDs of version 7, which sort by the time of their making, those of one
 * process strictly so. Random bytes are drawn by the thousand, because asking for a few costs as much as asking for many.
 */
import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const ID_BYTES = 16;
const drawn = new Uint8Array(256 * ID_BYTES);
let used = drawn.length;
let lastMs = 0;
let sequence = 0;

export function newId(): string {
  if (used === drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  const random = drawn.subarray(used, (used += ID_BYTES));
  const nowMs = Date.now();
  if (nowMs > lastMs) {
    lastMs = nowMs;
    // Half of the range is left for the ids of this millisecond.
    sequence = new DataView(random.buffer, random.byteOffset).getUint32(0) >>> 1;
  } else {
    sequence += 1;
  }
  return v7({ random, msecs: lastMs, seq: sequence });
}
