/** Requests and answers of TaskMaster's HTTP interface, in its own words. */
import { z } from 'zod';
import { time } from '../http/answer-fields.js';
import { moment } from '../http/fields.js';

/** It lets fields pass that it does not know. */
export const scheduleCommandSchema = z
  .object({
    command: z.string().describe('A command line for /bin/sh.'),
    scheduled_at: moment.describe('When it is due. A past time is due at once.'),
  })
  .meta({ id: 'ScheduleCommand' });

export type ScheduleCommand = z.output<typeof scheduleCommandSchema>;

export const scheduledCommandSchema = z
  .object({
    command: z.string(),
    scheduled_at: z.int().describe('In Unix seconds.'),
    task_id: z.string().describe('Id of the job.'),
  })
  .meta({ id: 'ScheduledCommand' });

export const commandStatusQuerySchema = z.strictObject({
  task_id: z.string().min(1).describe('What `/schedule` answered.'),
});

export type CommandStatusQuery = z.output<typeof commandStatusQuerySchema>;

export const commandStatusSchema = z
  .object({
    task_id: z.string(),
    command: z.string(),
    scheduled_at: time.describe('When it was to run.'),
    picked_at: time
      .optional()
      .describe('When it was handed over to be run; of a task that has ended, when it was started.'),
    started_at: time.optional(),
    completed_at: time.optional().describe('When it succeeded.'),
    failed_at: time.optional().describe('When it failed for good, was cancelled or expired.'),
  })
  .meta({ id: 'CommandStatus', description: 'A field is there once what it tells of has happened.' });
