/** The route of "why" as the API's document tells it. */
import type { OperationOptions } from '../http/operation.js';
import { EXAMPLE_JOB, NO_SUCH_JOB } from './job.operations.js';
import { whySchema } from './why.views.js';

export const explainJob = {
  id: 'explainJob',
  tag: 'Jobs',
  summary: 'Ask what a job waits for',
  description:
    'In one sentence and in data: its time, a retry, another job, a paused queue, a limit and who holds it, its turn, a leader, an executor or worker, a free slot, a person; or that it runs, or how it ended. Answers in milliseconds however many jobs wait.',
  answers: {
    200: {
      description: 'The reason, and what else is in the way.',
      schema: whySchema,
      example: {
        jobId: EXAMPLE_JOB.id,
        state: 'scheduled',
        reason: 'due-later',
        sentence: 'It waits for its time: it is due in 2 hours 5 minutes, at 2030-01-31T08:00:00.000Z.',
        about: 7_500_000,
        facts: { dueAt: '2030-01-31T08:00:00.000Z' },
        also: [
          {
            reason: 'no-executor',
            sentence: 'No living executor takes jobs of the queue reports.',
            about: null,
            facts: { queue: 'reports', draining: 0 },
          },
        ],
      },
    },
  },
  problems: { 'not-found': NO_SUCH_JOB },
} as const satisfies OperationOptions;
