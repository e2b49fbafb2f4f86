/** `@CalledBy() caller: Caller` gives a controller's method who makes the request. */
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Caller } from './caller.js';

export const CalledBy = createParamDecorator((_nothing: unknown, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<FastifyRequest>();
  // The guard lets nobody else through; without it there must be no way on.
  if (caller === undefined) throw new Error('a route that asks who calls was reached without the guard');
  return caller;
});
