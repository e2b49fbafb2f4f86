/** Leases as the API shows them. Each description is part of the API's documentation. */
import { z } from 'zod';
import { JOB_STATES } from '#common/domain/job.js';
import { json, time, wholeNumber } from '../http/answer-fields.js';
import type { View } from '../http/operation.js';
import { fieldProblemSchema, PROBLEM_KINDS } from '../http/problem.js';
import { jobSchema } from '../jobs/job.views.js';

export const leasesSchema = z
  .object({
    leases: z
      .array(
        z
          .object({
            leaseToken: z
              .string()
              .describe('The secret that every further call about this job names. Opaque; keep it.'),
            expiresAt: time.describe('When the worker loses the job unless it sends a heartbeat.'),
            job: jobSchema,
          })
          .meta({ id: 'Lease', description: 'The right to run one job.' }),
      )
      .describe('Most urgent first; none when there was no job in time.'),
  })
  .meta({ id: 'Leases' });
export type LeasesView = View<typeof leasesSchema>;

const said = {
  jobId: z.uuid(),
  state: z.enum(JOB_STATES).describe('The state that the job is in now.'),
};

export const leaseAnswerSchema = z
  .object(said)
  .meta({ id: 'LeaseAnswer', description: 'What became of the job.' });

const beat = {
  expiresAt: time.describe('When the lease ends unless it is renewed again.'),
  cancelRequested: z
    .boolean()
    .describe('Somebody wants the job cancelled: end it, and confirm with `cancelled`.'),
};

export const heartbeatSchema = z.object({ ...said, ...beat }).meta({ id: 'LeaseHeartbeat' });
export type HeartbeatView = View<typeof heartbeatSchema>;

const heartbeatOrNot = z.object({
  ...said,
  expiresAt: beat.expiresAt.optional(),
  cancelRequested: beat.cancelRequested.optional(),
});
/** What became of a worker's call; of a heartbeat it tells more. */
export type LeaseAnswer = View<typeof heartbeatOrNot>;

const leaseBatchResult = z
  .union([
    heartbeatOrNot.extend({
      index: wholeNumber.describe('Place of the call in the request; the first is 0.'),
    }),
    z.object({
      index: wholeNumber,
      error: z.object({
        kind: z.enum(PROBLEM_KINDS),
        detail: z.string(),
        errors: z.array(fieldProblemSchema),
      }),
    }),
  ])
  .meta({ id: 'LeaseBatchResult', description: 'What became of one call of a batch.' });
export type LeaseBatchResult = View<typeof leaseBatchResult>;

export const leaseBatchAnswerSchema = z
  .object({ results: z.array(leaseBatchResult).describe('One for each call, in the order given.') })
  .meta({ id: 'LeaseBatchAnswer' });
export type LeaseBatchAnswer = View<typeof leaseBatchAnswerSchema>;

export const typeSchema = z
  .object({
    type: z.string(),
    payloadSchema: z.record(z.string(), json).describe('JSON Schema that payloads must fit.'),
    remote: z.boolean().describe('Workers outside run it; otherwise executors do.'),
  })
  .meta({ id: 'JobType', description: 'A type of which jobs are accepted.' });
export type TypeView = View<typeof typeSchema>;

export const typesSchema = z
  .object({ types: z.array(typeSchema).describe('By name.') })
  .meta({ id: 'JobTypes' });
export type TypesView = View<typeof typesSchema>;
