/** Every row, in the order of the table. */
import { drain } from './drain.js';
import { latency } from './latency.js';
import type { Measurement } from './measurement.js';
import { submit } from './submit.js';
import { timer } from './timer.js';

export const MEASUREMENTS: readonly Measurement[] = [drain, submit, latency, timer];
