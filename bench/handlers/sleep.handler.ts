/** `sleep`: waits, as a handler that calls somebody else does. */
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { defineHandler } from '../../apps/executor-service/src/handlers/handler.js';
import { countExecution } from './executions.js';

export default defineHandler({
  type: 'sleep',
  payload: z.strictObject({ ms: z.int().min(0).max(60_000) }),
  run: async ({ ms }) => {
    countExecution();
    await pause(ms);
  },
});
