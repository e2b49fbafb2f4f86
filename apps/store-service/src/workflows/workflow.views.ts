/** Workflows as the API shows them. Each description is part of the API's documentation. */
import { z } from 'zod';
import { JOB_STATES, type JobState } from '#common/domain/job.js';
import { ON_DEPENDENCY_FAILURE, WORKFLOW_STATES } from '#common/domain/workflow.js';
import { nextCursor, time, wholeNumber } from '../http/answer-fields.js';
import type { View } from '../http/operation.js';
import { listedJobSchema } from '../jobs/job.views.js';

const byState = Object.fromEntries(JOB_STATES.map((state) => [state, wholeNumber])) as Record<
  JobState,
  typeof wholeNumber
>;

const workflow = z.object({
  id: z.uuid().describe('A UUIDv7: later workflows have greater ids.'),
  name: z.string().nullable().describe('A label for people.'),
  state: z
    .enum(WORKFLOW_STATES)
    .describe(
      '`running`: something goes on by itself. `held`: nothing does, because jobs wait for a person. `succeeded`: all jobs have. `failed`: one is dead or expired. `cancelled`: that was asked for, or a job was cancelled and none failed by itself.',
    ),
  progress: z
    .object({
      total: wholeNumber.describe('How many jobs it has.'),
      finished: wholeNumber.describe('How many of them have ended, however.'),
      held: wholeNumber.describe('Blocked until a person has looked.'),
      ...byState,
      blocked: wholeNumber.describe('Waiting for others.'),
    })
    .describe('How many of its jobs are in each state.'),
  createdAt: time,
  cancelRequestedAt: time.nullable().describe('When somebody asked for its end.'),
  finishedAt: time.nullable().describe('When the last of its jobs ended; null while some have not.'),
});

export const workflowSchema = workflow.meta({
  id: 'Workflow',
  description: 'Jobs that were submitted together, of which some wait for others.',
});
export type WorkflowView = View<typeof workflowSchema>;

const workflowJobView = listedJobSchema
  .extend({
    dependsOn: z
      .array(
        z.object({
          job: z.uuid().describe('Id of the other job.'),
          onDependencyFailure: z.enum(ON_DEPENDENCY_FAILURE),
        }),
      )
      .describe('What it waits for, or has waited for.'),
  })
  .meta({ id: 'WorkflowJob', description: 'A job in a workflow.' });
export type WorkflowJobView = View<typeof workflowJobView>;

export const workflowWithJobsSchema = workflow
  .extend({ jobs: z.array(workflowJobView).describe('Each after those that it depends on.'), nextCursor })
  .meta({ id: 'WorkflowWithJobs', description: 'A workflow and a page of its jobs.' });

export const workflowPageSchema = z
  .object({ workflows: z.array(workflowSchema), nextCursor })
  .meta({ id: 'WorkflowPage', description: 'Workflows, newest first.' });
