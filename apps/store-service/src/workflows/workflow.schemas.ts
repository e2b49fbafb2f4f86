/** What clients may send about workflows. Each description is part of the API's documentation. */
import { z } from 'zod';
import { MAX_ATTEMPTS } from '#common/domain/job.js';
import {
  DEFAULT_ON_DEPENDENCY_FAILURE,
  ON_DEPENDENCY_FAILURE,
  WORKFLOW_SIZE,
} from '#common/domain/workflow.js';
import { cursor, flagInQuery, pageLimit, storableText } from '../http/fields.js';
import {
  dueTime,
  expiresAfterDue,
  jobSettings,
  jobStatesInQuery,
  neverBothDueTimes,
} from '../jobs/job.schemas.js';

const onDependencyFailure = z.enum(ON_DEPENDENCY_FAILURE);
const jobName = storableText(200);

const dependency = z.union([
  jobName,
  z.strictObject({
    job: jobName.describe('The name of a job of this workflow.'),
    onDependencyFailure: onDependencyFailure.optional().describe('For this dependency alone.'),
  }),
]);

/** A job as any other, and what it waits for. */
export const workflowJobSchema = z
  .strictObject({
    ...jobSettings,
    ...dueTime,
    dependsOn: z
      .array(dependency)
      .default([])
      .describe('Names of the jobs that must have succeeded before this one starts.'),
    onDependencyFailure: onDependencyFailure
      .optional()
      .describe('What becomes of it when one of them ends without success. Default: as the workflow says.'),
  })
  .refine(...neverBothDueTimes)
  .refine(...expiresAfterDue)
  .meta({ id: 'NewWorkflowJob', description: 'A job of a workflow: as any other, and what it waits for.' });
export type WorkflowJob = z.output<typeof workflowJobSchema>;

const size = `must hold 1 to ${WORKFLOW_SIZE.jobs} jobs`;

const workflowSettings = {
  name: storableText(200).nullish().describe('A label for people.'),
  onDependencyFailure: onDependencyFailure
    .default(DEFAULT_ON_DEPENDENCY_FAILURE)
    .describe('What becomes of a job when one that it depends on ends without success.'),
};

/** The jobs are checked one by one: there may be many, and other requests want their turn. */
export const createWorkflowSchema = z.strictObject({
  ...workflowSettings,
  jobs: z.array(z.unknown()).min(1, size).max(WORKFLOW_SIZE.jobs, size),
});

/** The same with its jobs, for the API's document. */
export const shownWorkflowSchema = z
  .strictObject({
    ...workflowSettings,
    jobs: z
      .array(workflowJobSchema)
      .min(1)
      .max(WORKFLOW_SIZE.jobs)
      .describe('In any order; names are unique among them.'),
  })
  .meta({ id: 'NewWorkflow', description: 'Jobs to be submitted together.' });
export type CreateWorkflow = z.output<typeof createWorkflowSchema>;

export const workflowIdSchema = z.strictObject({
  id: z
    .uuid('must be a workflow id (a UUID)')
    .meta({ description: 'Id of the workflow.', examples: ['0198f2a4-7d22-7e3f-9b5c-4a6f7e8d9cab'] }),
});

export const listWorkflowsSchema = z.strictObject({
  finished: flagInQuery
    .optional()
    .describe('Only workflows all of whose jobs have ended (true), or only the others.'),
  limit: pageLimit,
  cursor,
});
export type ListWorkflows = z.output<typeof listWorkflowsSchema>;

export const getWorkflowSchema = z.strictObject({
  state: jobStatesInQuery,
  limit: pageLimit,
  cursor,
});
export type GetWorkflow = z.output<typeof getWorkflowSchema>;

export const retryWorkflowSchema = z
  .strictObject({
    attempts: z
      .int()
      .min(MAX_ATTEMPTS.min)
      .max(MAX_ATTEMPTS.max)
      .default(MAX_ATTEMPTS.default)
      .describe('How many further attempts each job gets that has had some.'),
  })
  .default({ attempts: MAX_ATTEMPTS.default });
