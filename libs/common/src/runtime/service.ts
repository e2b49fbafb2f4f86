/** How every service starts and stops: environment, logger, HTTP for health at least, signals. */
import { hostname } from 'node:os';
import type { DynamicModule, ExceptionFilter, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import {
  EnvironmentError,
  parseEnvironment,
  type IdentityEnvironment,
  type ProcessEnvironment,
} from '#common/config/environment.js';
import { createLogger, type Logger } from '#common/logging/logger.js';
import { NestLogger } from '#common/logging/nest-logger.js';
import { endableConnections } from './server-connections.js';
import { StartRefusedError } from './start-refused.js';

/** Who this process is, in logs, in the cluster view and in ZooKeeper. */
export interface Identity {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
}

export interface ServiceContext<Environment> {
  readonly environment: Environment;
  readonly log: Logger;
  readonly identity: Identity;
}

export interface ServiceOptions<Environment> {
  /** Name in logs, such as store-service. */
  readonly name: string;
  readonly environment: z.ZodType<Environment>;
  /** Where the HTTP server listens; a port of 0 is any free one. */
  readonly listen: (environment: Environment) => { host: string; port: number };
  /** Puts the service together; the start fails when it throws. */
  readonly module: (
    context: ServiceContext<Environment>,
  ) => DynamicModule | Type | Promise<DynamicModule | Type>;
  /** Largest accepted request body, in bytes. Default 16 KiB. */
  readonly bodyLimitBytes?: number;
  /** Adds hooks that look at every request first. */
  readonly guard?: (app: NestFastifyApplication, host: string) => void;
  /** Turns errors into answers; without one, Nest's own answers are given. */
  readonly errors?: (log: Logger) => ErrorAnswers;
}

/** Answers for errors from Nest (`catch`), and for requests that Fastify refuses before any route is found (`answer`). */
export interface ErrorAnswers extends ExceptionFilter {
  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void;
}

const DEFAULT_BODY_LIMIT_BYTES = 16 * 1024;
/** An idle client connection is closed after this long, in milliseconds. */
const REQUEST_TIMEOUT_MS = 30_000;

/** Runs a service until SIGTERM or SIGINT. A wrong environment ends the process with exit code 1 and one line. */
export async function runService<Environment extends ProcessEnvironment & IdentityEnvironment>(
  options: ServiceOptions<Environment>,
): Promise<void> {
  const environment = parseOrExit(options);
  const identity: Identity = { id: environment.INSTANCE_ID, host: hostname(), pid: process.pid };
  const log = createLogger({
    service: options.name,
    instance: identity.id,
    level: environment.LOG_LEVEL,
    format:
      environment.LOG_FORMAT === 'auto' ? (process.stdout.isTTY ? 'pretty' : 'json') : environment.LOG_FORMAT,
  });
  const context = { environment, log, identity };

  process.on('unhandledRejection', (error) => log.error('unhandled rejection', { error }));
  process.on('uncaughtException', (error) => {
    log.error('uncaught exception, exiting', { error });
    process.exit(1);
  });

  const errors = options.errors?.(log);
  const { host, port } = options.listen(environment);
  const app = await NestFactory.create<NestFastifyApplication>(
    await moduleOrExit(options, context),
    new FastifyAdapter({
      bodyLimit: options.bodyLimitBytes ?? DEFAULT_BODY_LIMIT_BYTES,
      requestTimeout: REQUEST_TIMEOUT_MS,
      forceCloseConnections: 'idle',
      ...(errors === undefined
        ? {}
        : {
            frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
              errors.answer(error, request, reply),
          }),
    }),
    { logger: new NestLogger(log), abortOnError: false, bodyParser: false },
  );
  acceptOnlyJson(app);
  options.guard?.(app, host);
  if (errors !== undefined) app.useGlobalFilters(errors);
  const endConnections = endableConnections(app.getHttpServer(), log);
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('preClose', async () => endConnections());
  stopOnSignals(app, log);
  try {
    await app.init();
  } catch (error) {
    if (error instanceof StartRefusedError) exitWith(`${options.name}: Cannot start: ${error.message}`);
    log.error('cannot start', { error });
    process.exit(1);
  }
  try {
    await app.listen(port, host);
  } catch (error) {
    log.error('cannot listen', { host, port, error });
    process.exit(1);
  }
  log.info('service started', { url: await app.getUrl() });
}

function parseOrExit<Environment>({ environment, name }: ServiceOptions<Environment>): Environment {
  try {
    return parseEnvironment(environment, process.env);
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    exitWith(`${name}: ${error.message}`);
  }
}

function exitWith(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

async function moduleOrExit<Environment>(
  options: ServiceOptions<Environment>,
  context: ServiceContext<Environment>,
): Promise<DynamicModule | Type> {
  try {
    return await options.module(context);
  } catch (error) {
    context.log.error('cannot start', { error });
    process.exit(1);
  }
}

/**
 * A web page of anybody's can make a browser send forms and plain text to an address it knows, but not JSON: so nothing
 * else is taken for a request body.
 */
function acceptOnlyJson(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    fastify.getDefaultJsonParser('error', 'error'),
  );
}

/** Nest's own shutdown hooks would end the process by the signal again; this exits with 0 after a clean stop. */
function stopOnSignals(app: NestFastifyApplication, log: Logger): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    // A second signal is for those who listen for it themselves (the executor hurries); it must not start a second stop.
    if (stopping) return;
    stopping = true;
    log.info('stopping', { signal });
    app.close().then(
      () => {
        log.info('stopped');
        process.exit(0);
      },
      (error: unknown) => {
        log.error('stopping failed', { error });
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}
