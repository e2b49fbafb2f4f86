/** Settings of the executor. */
import { z } from 'zod';
import {
  databaseEnvironment,
  identityEnvironment,
  processEnvironment,
  redisEnvironment,
  wholeNumber,
  zookeeperEnvironment,
} from '#common/config/environment.js';
import { queueName } from '#common/config/names.js';
import { handlerSettings } from './handlers/handler-settings.js';

export const executorSettings = z.object({
  EXECUTOR_SERVICE_PORT: wholeNumber(0, 65_535)
    .default(3002)
    .describe('Port of the health endpoints; 0 takes any free one.'),
  EXECUTOR_SERVICE_HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Address the health endpoints listen on.'),
  EXECUTOR_SLOTS: wholeNumber(1, 10_000)
    .default(20)
    .describe('Jobs that one executor runs at the same time.'),
  EXECUTOR_QUEUES: z
    .string()
    .default('')
    .transform((text) => text.split(',').filter((name) => name !== ''))
    .pipe(z.array(queueName))
    .describe('Queues it drains, with commas between; all of them unless set.'),
  EXECUTOR_HANDLERS: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Folder with handlers of your own, files `*.handler.js` or `*.handler.mjs`; `triumvir handler new` writes one. They run inside the executor: put only code there that you trust.',
    ),
  EXECUTOR_LEASE_MS: wholeNumber(1000, 600_000)
    .default(5000)
    .describe(
      'How long an executor that cannot be heard keeps its jobs, in milliseconds. It renews every fifth of that and ends its own jobs after two thirds.',
    ),
  EXECUTOR_KILL_GRACE_MS: wholeNumber(0, 600_000)
    .default(5000)
    .describe('How long a command may take to end after SIGTERM before SIGKILL follows, in milliseconds.'),
  EXECUTOR_OUTPUT_LIMIT_BYTES: wholeNumber(1024, 64 * 1024 * 1024)
    .default(256 * 1024)
    .describe('How much of what an attempt writes is kept, in bytes: its first half and its last half.'),
  ...handlerSettings.shape,
});

export const executorEnvironment = processEnvironment
  .and(identityEnvironment)
  .and(databaseEnvironment)
  .and(redisEnvironment)
  .and(zookeeperEnvironment)
  .and(executorSettings);

export type ExecutorEnvironment = z.infer<typeof executorEnvironment>;
