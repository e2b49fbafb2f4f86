/** GET /api/v1/audit as the API's document tells it. */
import type { OperationOptions } from '../http/operation.js';
import { auditPageSchema } from './audit.views.js';

export const listAudit = {
  id: 'listAudit',
  tag: 'Access',
  summary: 'Read who changed what',
  description:
    'Newest first; entries appear within a second or so. Submissions are not here: a job itself says in `createdBy` which key submitted it.',
  example: { query: { action: 'cancelJob', limit: 20 } },
  answers: {
    200: {
      description: 'A page of the audit log.',
      schema: auditPageSchema,
      example: {
        entries: [
          {
            id: '0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9b',
            at: '2030-01-31T08:00:01.000Z',
            key: '0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9a',
            who: 'on call',
            address: '127.0.0.1',
            action: 'cancelJob',
            target: '/api/v1/jobs/0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9c/cancel',
            outcome: 'ok',
            details: null,
          },
        ],
        nextCursor: null,
      },
    },
  },
} as const satisfies OperationOptions;
