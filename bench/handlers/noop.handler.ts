/** `noop`: does nothing, so that what is measured is the scheduler. */
import { z } from 'zod';
import { defineHandler } from '../../apps/executor-service/src/handlers/handler.js';
import { countExecution } from './executions.js';

export default defineHandler({
  type: 'noop',
  payload: z.strictObject({}),
  run: () => countExecution(),
});
