/** Why a job is not done yet, as the API shows it. Each description is part of the API's documentation. */
import { z } from 'zod';
import { JOB_STATES } from '#common/domain/job.js';
import { REASON_KINDS } from '#common/domain/why-reasons.js';
import { json, wholeNumber } from '../http/answer-fields.js';
import type { View } from '../http/operation.js';

const reason = z.object({
  reason: z.enum(REASON_KINDS).describe('A stable word.'),
  sentence: z.string().describe('The same for people; it may be worded better one day.'),
  about: wholeNumber
    .nullable()
    .describe('About how long it will last, in milliseconds; null when nobody can know.'),
  facts: z
    .record(z.string(), json)
    .describe('What belongs to the reason. Times are ISO 8601, durations milliseconds.'),
});

const reasonSchema = reason.meta({
  id: 'Reason',
  description: 'Something that keeps a job from being done.',
});
export type ReasonView = View<typeof reasonSchema>;

export const whySchema = reason
  .extend({
    jobId: z.uuid(),
    state: z.enum(JOB_STATES),
    also: z
      .array(reasonSchema)
      .describe(
        'What else would hold the job up if that were gone, in that order. Of one that is due later: as it is now.',
      ),
  })
  .meta({ id: 'Why', description: 'What a job waits for, or what became of it.' });
export type WhyView = View<typeof whySchema>;
