import { expect, test } from 'vitest';
import { workflowState, type WorkflowCounts, type WorkflowState } from './workflow.js';

test.each<[WorkflowCounts, boolean, WorkflowState]>([
  [{ scheduled: 1 }, false, 'running'],
  [{ succeeded: 3, running: 1, dead: 1 }, false, 'running'],
  [{ held: 1, queued: 1 }, false, 'running'],
  [{ held: 1, blocked: 2, dead: 1 }, false, 'held'],
  [{ blocked: 2, dead: 1 }, false, 'running'],
  [{ running: 1, cancelled: 4 }, true, 'running'],
  [{ succeeded: 9 }, false, 'succeeded'],
  [{ succeeded: 9 }, true, 'succeeded'],
  [{ succeeded: 8, dead: 1 }, false, 'failed'],
  [{ dead: 1, cancelled: 4 }, false, 'failed'],
  [{ succeeded: 2, expired: 1 }, false, 'failed'],
  [{ succeeded: 2, cancelled: 1 }, false, 'cancelled'],
  [{ dead: 1, cancelled: 4 }, true, 'cancelled'],
])('%j with cancellation asked for: %j is %s', (counts, cancelRequested, state) => {
  expect(workflowState(counts, cancelRequested)).toBe(state);
});
