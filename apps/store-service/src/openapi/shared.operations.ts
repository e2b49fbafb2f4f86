/** Routes that every service has, of controllers in libs/common that know nothing of the API's document. */
import { z } from 'zod';
import type { OperationOptions } from '../http/operation.js';
import type { OpenApiDocument } from './specification.js';

const healthReportSchema = z
  .object({
    status: z.enum(['ok', 'unavailable']),
    checks: z.record(z.string(), z.string()).describe('For each check `ok`, or what is wrong.'),
  })
  .meta({ id: 'HealthReport' });

const live = {
  id: 'getLiveness',
  tag: 'Service',
  summary: 'Is the process up?',
  description: 'For a liveness probe. It asks nobody else.',
  answers: {
    200: {
      description: 'It runs and its event loop turns.',
      schema: z.object({ status: z.literal('ok') }),
      example: { status: 'ok' },
    },
  },
  standalone: true,
} as const satisfies OperationOptions;

const ready = {
  id: 'getReadiness',
  tag: 'Service',
  summary: 'Can it do its work?',
  description: 'For a readiness probe. Each check has two seconds.',
  answers: {
    200: {
      description: 'Every check passes.',
      schema: healthReportSchema,
      example: { status: 'ok', checks: { postgres: 'ok', 'job types': 'ok' } },
    },
    503: {
      description: 'A check does not pass; the body says which.',
      schema: healthReportSchema,
      example: {
        status: 'unavailable',
        checks: { postgres: 'ok', 'job types': 'no executor has announced its job types yet' },
      },
    },
  },
  standalone: true,
} as const satisfies OperationOptions;

const metrics = {
  id: 'getMetrics',
  tag: 'Service',
  summary: 'Metrics for Prometheus',
  description: 'In the text format of Prometheus.',
  answers: {
    200: {
      description: 'Every metric with its help.',
      mediaType: 'text/plain',
      example:
        '# HELP triumvir_ready Whether the service has what it needs.\n# TYPE triumvir_ready gauge\ntriumvir_ready{check="postgres"} 1\n',
    },
  },
  standalone: true,
} as const satisfies OperationOptions;

const documentSchema = z.looseObject({ openapi: z.string() }) as z.ZodType as z.ZodType<OpenApiDocument>;

export const openApi = {
  id: 'getOpenApi',
  tag: 'Service',
  summary: 'This document, for programs',
  description: 'OpenAPI 3.1, for code generators, Postman and the like.',
  answers: {
    200: {
      description: 'The document.',
      schema: documentSchema,
      example: { openapi: '3.1.1' },
    },
  },
  standalone: true,
} as const satisfies OperationOptions;

export const docs = {
  id: 'getDocs',
  tag: 'Service',
  summary: 'This document, for people',
  description: 'One page that needs nothing else: it can be saved and read offline.',
  answers: {
    200: { description: 'The page.', mediaType: 'text/html', example: '<!doctype html>…' },
  },
  standalone: true,
} as const satisfies OperationOptions;

/** By the name of their method. */
export const SHARED_OPERATIONS: ReadonlyMap<string, OperationOptions> = new Map<string, OperationOptions>([
  ['HealthController.live', live],
  ['HealthController.ready', ready],
  ['MetricsController.metrics', metrics],
]);
