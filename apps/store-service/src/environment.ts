/** Settings of the store. */
import { z } from 'zod';
import {
  databaseEnvironment,
  identityEnvironment,
  processEnvironment,
  wholeNumber,
  zookeeperEnvironment,
} from '#common/config/environment.js';

export const storeSettings = z.object({
  STORE_SERVICE_PORT: wholeNumber(0, 65_535).default(3000).describe('Port of the API; 0 takes any free one.'),
  STORE_MAX_STREAMS: wholeNumber(0, 100_000)
    .default(1000)
    .describe(
      'Event streams and followed outputs that one store has open at once. Whoever comes then is answered 503.',
    ),
  STORE_SERVICE_HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe(
      'Address the API and gRPC listen on. Beyond loopback the store starts only when there is an API key; docs/SECURITY.md says how to get the first one.',
    ),
  STORE_BOOTSTRAP_KEY: z
    .string()
    .regex(/^[\w.~+/=-]{32,200}$/, 'must be 32 to 200 letters, digits and ._~+/=-')
    .optional()
    .describe('A first API key, with every right: openssl rand -hex 24. Another value takes its place.'),
  STORE_ALLOW_OPEN_ACCESS: z
    .literal('I-know-that-everybody-can-run-commands', {
      error: 'must be I-know-that-everybody-can-run-commands, or not be set',
    })
    .optional()
    .describe(
      'I-know-that-everybody-can-run-commands lets the store start beyond loopback without any API key, open to everybody until there is one.',
    ),
  SERVER_PORT: wholeNumber(0, 65_535)
    .default(50_051)
    .describe('Port of gRPC, on the same address; 0 takes any free one.'),
});

export const storeEnvironment = processEnvironment
  .and(identityEnvironment)
  .and(databaseEnvironment)
  .and(zookeeperEnvironment)
  .and(storeSettings);

export type StoreEnvironment = z.infer<typeof storeEnvironment>;
