/**
 * The guard in front of every route, Nest's and any other that the HTTP server has. It looks at a request before its body
 * is read, so that strangers cannot make the store read megabytes. A route that does not say who may use it is refused.
 */
import { ModulesContainer } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuditLog } from '../audit/audit-log.js';
import { kindOfStatus, Problem } from '../http/problem.js';
import { controllersOf, routesOf } from '../openapi/routes.js';
import { presentedKey } from './api-key-text.js';
import { AccessService } from './access.service.js';
import type { Caller } from './caller.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who makes the request; absent on routes that need no key. */
    caller?: Caller;
    /** Whether the audit log is to tell of it. */
    audited: boolean;
  }
}

export function guardRoutes(app: NestFastifyApplication): void {
  const access = app.get(AccessService);
  const audit = app.get(AuditLog);
  const actions = actionNames(app);
  const fastify = app.getHttpAdapter().getInstance();
  fastify.decorateRequest('audited', false);
  fastify.addHook('onRequest', (request, reply, done) => {
    try {
      admit(access, request, reply);
      done();
    } catch (error) {
      done(error as Error);
    }
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    if (request.audited && request.caller !== undefined) {
      const { method, routeOptions, url } = request;
      audit.record(request.caller, {
        action: actions().get(`${method} ${routeOptions.url}`) ?? `${method} ${routeOptions.url}`,
        target: url.split('?')[0] ?? '',
        outcome: reply.statusCode < 400 ? 'ok' : kindOfStatus(reply.statusCode),
      });
    }
    done();
  });
}

/** @throws Problem when the request may not be made */
function admit(access: AccessService, request: FastifyRequest, reply: FastifyReply): void {
  const needed = request.routeOptions.config.access;
  if (needed?.scope === 'nothing') return;
  const caller = access.identify(presentedKey(request.headers), request.ip);
  if (caller.rateLimit !== undefined) void reply.headers(caller.rateLimit);
  if (needed !== undefined) caller.require({ scope: needed.scope });
  else if (!request.is404)
    throw new Problem('forbidden', 'Nobody may use this route: it does not say who may.');
  request.caller = caller;
  request.audited = needed?.audited === true && request.method !== 'GET' && request.method !== 'HEAD';
}

/** The ids of the API's operations by method and path of their route; known once the routes are. */
function actionNames(app: NestFastifyApplication): () => ReadonlyMap<string, string> {
  let names: ReadonlyMap<string, string> | undefined;
  return () =>
    (names ??= new Map(
      routesOf(controllersOf(app.get(ModulesContainer))).flatMap(({ method, path, operation }) =>
        operation === undefined
          ? []
          : [[`${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`, operation.id] as const],
      ),
    ));
}
