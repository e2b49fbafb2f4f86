/** Every row, in the order of the table. */
import { batch } from './batch.js';
import { commands } from './commands.js';
import { depth } from './depth.js';
import { drain } from './drain.js';
import { failover } from './failover.js';
import { history } from './history.js';
import { latency } from './latency.js';
import type { Measurement } from './measurement.js';
import { pipeline } from './pipeline.js';
import { scale } from './scale.js';
import { schedules } from './schedules.js';
import { search } from './search.js';
import { submit } from './submit.js';
import { timer } from './timer.js';

export const MEASUREMENTS: readonly Measurement[] = [
  drain,
  submit,
  batch,
  pipeline,
  latency,
  timer,
  depth,
  history,
  commands,
  failover,
  scale,
  schedules,
  search,
];
