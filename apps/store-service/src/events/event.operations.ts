/** The routes of events as the API's document tells them. */
import type { OperationOptions } from '../http/operation.js';
import { NO_SUCH_JOB } from '../jobs/job.operations.js';
import { lastEventIdSchema } from './event.schemas.js';

const EXAMPLE = `id: mi5w2x9k-3v0a-3v0f.2-a7
event: job
data: {"jobId":"0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9a","type":"command","queue":"default","workflowId":null,"change":"state","state":"running","attempt":1,"delivery":1,"at":"2030-01-31T08:00:00.005Z"}

`;
const STREAM = {
  description:
    'Server-sent events, without end. `listening`: from here on nothing is missed. `job`: a job changed. `gap`: events are missing; its data say why and what to do.',
  mediaType: 'text/event-stream',
  example: EXAMPLE,
} as const;
const headers = { 'Last-Event-ID': lastEventIdSchema };

export const listenToEvents = {
  id: 'listenToEvents',
  tag: 'Events',
  summary: 'Watch what happens to jobs',
  description:
    'All changes of all jobs, or of those that the query names, each once and those of one job in their order. With Last-Event-ID, of whichever store, it goes on where another stream ended, if that is less than 15 minutes ago.',
  headers,
  example: { query: { state: ['succeeded', 'dead'] } },
  answers: { 200: STREAM },
} as const satisfies OperationOptions;

export const listenToJobEvents = {
  id: 'listenToJobEvents',
  tag: 'Events',
  summary: 'Watch what happens to a job',
  description: 'The first event, `listening`, tells how the job is; what it tells may be told again.',
  headers,
  answers: { 200: STREAM },
  problems: { 'not-found': NO_SUCH_JOB },
} as const satisfies OperationOptions;
