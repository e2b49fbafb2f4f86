/** The routes of /api/v1/keys as the API's document tells them. */
import type { Json } from '#common/domain/job.js';
import type { OperationOptions } from '../http/operation.js';
import { keyPageSchema, keySchema, newKeySchema } from './key.views.js';

const EXAMPLE_KEY = {
  id: '0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9a',
  name: 'nightly reports',
  scopes: ['read', 'submit'],
  queues: ['reports-*'],
  rate: '100/s',
  createdAt: '2030-01-31T08:00:00.000Z',
  expiresAt: '2030-05-01T08:00:00.000Z',
  revokedAt: null,
  lastUsedAt: null,
} as const satisfies Json;

export const createKey = {
  id: 'createKey',
  tag: 'Access',
  summary: 'Make an API key',
  description:
    'The answer shows the key, once. As long as there never was a key, and the store listens on loopback, anybody may do anything: the first key ends that, so it must have the scope `admin`.',
  example: {
    body: {
      name: 'nightly reports',
      scopes: ['read', 'submit'],
      queues: ['reports-*'],
      rate: '100/s',
      expiresIn: '90d',
    },
  },
  answers: {
    201: {
      description: 'The key was made, and may be used at once.',
      schema: newKeySchema,
      example: { ...EXAMPLE_KEY, key: 'tv_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG' },
    },
  },
} as const satisfies OperationOptions;

export const listKeys = {
  id: 'listKeys',
  tag: 'Access',
  summary: 'List API keys',
  description: 'Newest first. The keys themselves cannot be read back.',
  example: { query: { all: true } },
  answers: {
    200: {
      description: 'A page of keys.',
      schema: keyPageSchema,
      example: { keys: [EXAMPLE_KEY], nextCursor: null },
    },
  },
} as const satisfies OperationOptions;

export const revokeKey = {
  id: 'revokeKey',
  tag: 'Access',
  summary: 'Revoke an API key',
  description: 'It ends at once, at every store. A second time changes nothing.',
  answers: {
    200: {
      description: 'The key, with the time of its end.',
      schema: keySchema,
      example: { ...EXAMPLE_KEY, revokedAt: '2030-02-01T08:00:00.000Z' },
    },
  },
  problems: { 'not-found': 'There is no key with this id.' },
} as const satisfies OperationOptions;
