/** The one place where errors become answers. A client's mistake is never a 500; an error of ours is logged once, here. */
import { Catch, HttpException, type ArgumentsHost } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DatabaseUnavailableError } from '#common/database/database-errors.js';
import type { Logger } from '#common/logging/logger.js';
import type { ErrorAnswers } from '#common/runtime/service.js';
import { Problem } from './problem.js';

/** Seconds after which a client may try again while a server behind us is away. */
const RETRY_AFTER_S = 1;

@Catch()
export class ProblemFilter implements ErrorAnswers {
  /** @param otherwise bodies of errors for clients that expect another form than ours; undefined is ours */
  constructor(
    private readonly log: Logger,
    private readonly otherwise: (problem: Problem, path: string) => object | undefined = () => undefined,
  ) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const problem = toProblem(error);
    if (problem.kind === 'internal') {
      this.log.error('request failed', { method: request.method, path: request.url.split('?')[0], error });
    } else if (problem.kind === 'unavailable') {
      this.log.debug('request refused', { method: request.method, path: request.url.split('?')[0], error });
    }
    if (problem.kind === 'unavailable') void reply.header('retry-after', RETRY_AFTER_S);
    // Fastify would close the connection under a client that is still sending, which then sees that instead of the answer.
    // What comes is thrown away, for as long as a request may take.
    if (problem.kind === 'payload-too-large') void reply.removeHeader('connection');
    for (const [name, value] of Object.entries(problem.headers)) void reply.header(name, value);
    const other = this.otherwise(problem, request.url.split('?')[0] ?? '');
    void reply
      .status(problem.status)
      .header('content-type', `application/${other === undefined ? 'problem+json' : 'json'}; charset=utf-8`)
      .send(JSON.stringify(other ?? problem.toDocument(request.url)));
  }
}

/** Any error as what a client may see of it. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof DatabaseUnavailableError) {
    return new Problem(
      'unavailable',
      error.tooSlow
        ? 'The database did not answer in time. Nothing is known to have changed; try again.'
        : 'The database cannot be reached. Nothing is known to have changed; try again.',
    );
  }
  const status = statusOf(error);
  const message = error instanceof Error ? error.message : String(error);
  switch (status) {
    case 404:
      return new Problem('not-found', message);
    case 405:
      return new Problem('method-not-allowed', message);
    case 413:
      return new Problem(
        'payload-too-large',
        'A request body may have 262144 bytes at most, that of a batch or a workflow 33554432.',
      );
    case 415:
      return new Problem(
        'unsupported-media-type',
        'Send the body as JSON, with the header content-type: application/json.',
      );
    default:
      return status >= 400 && status < 500
        ? new Problem('bad-request', message)
        : new Problem('internal', 'The service met an error of its own. It has been logged.');
  }
}

/** Nest's and Fastify's own errors carry a status; whatever has none is ours. */
function statusOf(error: unknown): number {
  if (error instanceof HttpException) return error.getStatus();
  if (error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number')
    return error.statusCode;
  return 500;
}
