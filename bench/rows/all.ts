/** Every row, in the order of the table. */
import { drain } from './drain.js';
import type { Measurement } from './measurement.js';

export const MEASUREMENTS: readonly Measurement[] = [drain];
