/**
 * Who may use a route: `@Requires('submit')` on a controller's method. The store refuses a route that does not say. It
 * travels as configuration of the route itself, so one hook of the HTTP server sees it before a body is read.
 */
import 'reflect-metadata';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { Scope } from '#common/domain/access.js';

export interface RouteAccess {
  /** `nothing`: anybody may, without a key. */
  readonly scope: Scope | 'nothing';
  /** Whether each use is written to the audit log. Reading never is. */
  readonly audited: boolean;
}

export interface RequiresOptions {
  /**
   * Default: a route that changes something is audited. False for one whose changes are recorded elsewhere (a job says
   * who submitted it), or are no person's decision.
   */
  readonly audited?: boolean;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: RouteAccess;
  }
}

const ACCESS = Symbol('access');

/** Says which scope a key needs for the route. */
export function Requires(scope: Scope | 'nothing', options: RequiresOptions = {}): MethodDecorator {
  const access: RouteAccess = {
    scope,
    audited: options.audited ?? (scope !== 'read' && scope !== 'nothing'),
  };
  const configure = RouteConfig({ access });
  return (prototype, name, descriptor) => {
    if (descriptor.value !== undefined) Reflect.defineMetadata(ACCESS, access, descriptor.value as object);
    configure(prototype, name, descriptor);
  };
}

/** What was said of a controller's method. */
export function accessOf(method: object): RouteAccess | undefined {
  return Reflect.getMetadata(ACCESS, method) as RouteAccess | undefined;
}
