import { expect, test } from 'vitest';
import { Problem } from '../http/problem.js';
import { taskError } from './task-errors.js';

const problem = new Problem('not-found', 'Task not found');

test.each(['/tasks', '/tasks/', '/tasks/1', '/tasks/1/2', '/queue/stats', '/health'])(
  'on %s an error is a text in `error`',
  (path) => expect(taskError(problem, path)).toEqual({ error: 'Task not found' }),
);

test.each(['/', '/taskset', '/api/v1/jobs', '/api/v1/tasks', '/health/live', '/health/ready', '/schedule'])(
  'on %s errors are problem documents',
  (path) => expect(taskError(problem, path)).toBeUndefined(),
);
