/** Requests and answers of the Flask task queue, in its own words. */
import type { PipeTransform } from '@nestjs/common';
import { z } from 'zod';
import { jobType } from '#common/config/names.js';
import { json, time, wholeNumber } from '../http/answer-fields.js';
import { fieldProblems, invalid } from '../http/validation.js';
import { storableJson } from '../jobs/storable-json.js';

/** It lets fields pass that it does not know. */
export const newTaskSchema = z
  .object({
    type: jobType.describe('Which handler runs it, such as `email`.'),
    data: storableJson
      .nullish()
      .describe(
        'The payload of the job. An e-mail has `recipient` and `content`, and may have `subject` and what else an `email` job knows.',
      ),
  })
  .meta({ id: 'NewTask' });

export type NewTask = z.output<typeof newTaskSchema>;

/** What that system takes for missing where something has to be there. */
function isEmpty(value: unknown): boolean {
  return value == null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0);
}

const needed = <Schema extends z.ZodType>(schema: Schema) =>
  z.preprocess((value) => (isEmpty(value) ? undefined : value), schema);

/** What else it has is the e-mail handler's to judge. */
export const emailDataSchema = needed(
  z.looseObject({ recipient: needed(z.string()), content: needed(z.string()) }),
);

/** What is missing is answered 400, what is there and wrong 422. */
export class NewTaskPipe implements PipeTransform {
  transform(body: unknown): NewTask {
    const task = parsed(newTaskSchema, body, []);
    if (task.type === 'email') parsed(emailDataSchema, task.data, ['data']);
    return task;
  }
}

function parsed<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  prefix: readonly string[],
): z.output<Schema> {
  const { success, data, error } = schema.safeParse(value, { reportInput: true });
  if (success) return data;
  const { issues } = error;
  const misses = issues.some(({ input, path }) => input == null || prefix.length + path.length === 0);
  throw invalid(misses ? 'bad-request' : 'validation-failed', fieldProblems(issues, prefix));
}

export const createdTaskSchema = z
  .object({ task_id: z.string(), status: z.literal('queued'), message: z.string() })
  .meta({ id: 'CreatedTask' });

/** Any text: what is no id is the id of no task. */
export const taskIdSchema = z.strictObject({
  id: z.string().meta({ description: 'Id of the task.', examples: ['0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9a'] }),
});

export const taskSchema = z
  .object({
    id: z.string(),
    type: z.string(),
    data: json.describe('Null in lists where it is larger than lists show.'),
    status: z
      .enum(['queued', 'processing', 'completed', 'failed'])
      .describe('A task that waits for its next try is queued; one that was cancelled has failed.'),
    created_at: time,
    updated_at: time.optional().describe('When it was started or ended last.'),
    result: json
      .optional()
      .describe('What the handler returned, or the message of the error that a task failed with.'),
  })
  .meta({ id: 'Task' });

export const taskListSchema = z.object({
  tasks: z.array(taskSchema),
  count: wholeNumber.describe('How many there are in this answer.'),
});

export const taskQueueStatsSchema = z.object({
  queue_length: wholeNumber.describe('How many jobs of the queue `default` wait; 20,000 at most.'),
  total_tasks: wholeNumber.describe(
    'How many jobs there are: exact up to 100,000, above that an estimate of Postgres.',
  ),
});

export const taskQueueHealthSchema = z.object({
  status: z.enum(['healthy', 'unhealthy']),
  redis: z
    .enum(['connected', 'disconnected'])
    .describe(
      'Whether a scheduler and an executor are there that reach Redis, which they look at each second. The store itself does not use it.',
    ),
});

export const taskErrorSchema = z
  .object({ error: z.string() })
  .meta({ id: 'TaskError', description: 'Why a request was refused, or could not be done.' });
