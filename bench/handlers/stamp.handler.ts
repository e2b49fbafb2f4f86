/** `stamp`: tells when it was started, by both clocks. */
import { z } from 'zod';
import { defineHandler } from '../../apps/executor-service/src/handlers/handler.js';
import { monotonicMs, wallMs } from '../stand/clock.js';
import { countExecution } from './executions.js';

export default defineHandler({
  type: 'stamp',
  payload: z.strictObject({}),
  run: () => {
    const started = { monotonicMs: monotonicMs(), wallMs: wallMs() };
    countExecution();
    return started;
  },
});
