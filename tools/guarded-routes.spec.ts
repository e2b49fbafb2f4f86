/** Every route that the store's HTTP server has stands behind the guard: a walk over all of them, Nest's and others. */
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RouteAccess } from '#common/access/requires.js';
import { SCOPES } from '#common/domain/access.js';
import { createLogger } from '#common/logging/logger.js';
import { guardRoutes } from '../apps/store-service/src/access/access-guard.js';
import { AccessService } from '../apps/store-service/src/access/access.service.js';
import { digestOf } from '../apps/store-service/src/access/api-key-text.js';
import { KeyDirectory } from '../apps/store-service/src/access/key-directory.js';
import { KnownKey } from '../apps/store-service/src/access/known-key.js';
import { AuditLog } from '../apps/store-service/src/audit/audit-log.js';
import { ProblemFilter } from '../apps/store-service/src/http/problem.filter.js';
import type { ProblemDocument } from '../apps/store-service/src/http/problem.js';
import { currentControllers } from './openapi.js';

const OPEN_TO_ALL = ['/health', '/health/live', '/health/ready'].flatMap((path) => [
  `GET ${path}`,
  `HEAD ${path}`,
]);

/** A key of each scope alone, whose text is the scope's name; what includes others is not needed here. */
const keys = new Map(
  SCOPES.map((scope) => [
    digestOf(scope),
    new KnownKey(
      {
        id: scope,
        name: scope,
        digest: digestOf(scope),
        scopes: [scope],
        queues: [],
        rate: null,
        createdAt: new Date(),
        expiresAt: null,
        revokedAt: null,
        lastUsedAt: null,
      },
      undefined,
    ),
  ]),
);

const REACHED = 299;

interface ServedRoute {
  readonly method: string;
  readonly url: string;
  readonly access: RouteAccess | undefined;
}

const routes: ServedRoute[] = [];
let app: NestFastifyApplication;

beforeAll(async () => {
  const testing = await Test.createTestingModule({
    controllers: await currentControllers(),
    providers: [
      AccessService,
      {
        provide: KeyDirectory,
        useValue: { isOpen: false, isKnown: true, find: (digest: string) => keys.get(digest) },
      },
      { provide: AuditLog, useValue: { record: () => undefined } },
    ],
  })
    .useMocker(() => ({}))
    .compile();
  app = testing.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false });
  const log = createLogger({ service: 'test', instance: 'test', level: 'error', format: 'json' });
  log.silent = true;
  app.useGlobalFilters(new ProblemFilter(log));
  guardRoutes(app);
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('onRoute', ({ method, url, config }) => {
    for (const verb of [method].flat()) routes.push({ method: verb, url, access: config?.access });
  });
  // Whoever gets this far was let through; what the route itself does is not asked here.
  fastify.addHook('preHandler', async (request, reply) => {
    if (!request.is404) await reply.code(REACHED).send();
  });
  await app.init();
  // Nobody says who may use it (HEAD comes with GET).
  fastify.get('/nobody-said', () => 'reached');
  await fastify.ready();
});
afterAll(() => app?.close());

const call = ({ method, url }: ServedRoute, key?: string) =>
  app.inject({
    method: method as 'GET',
    url: url.replaceAll(/:\w+/g, '0198f2a4-6c11-7d2e-8a4b-3f5e6d7c8b9a'),
    ...(key !== undefined && { headers: { authorization: `Bearer ${key}` } }),
  });
const nameOf = ({ method, url }: ServedRoute) => `${method} ${url}`;
const guarded = () => routes.filter(({ access }) => access?.scope !== 'nothing');

describe('every route of the store', () => {
  it('says who may use it, and only those for health are open to all', () => {
    const silent = routes.filter(({ access, url }) => access === undefined && url !== '/nobody-said');
    expect(silent.map(nameOf)).toEqual([]);
    const open = routes.filter(({ access }) => access?.scope === 'nothing');
    expect(open.map(nameOf).sort()).toEqual(OPEN_TO_ALL.toSorted());
    expect(routes.length).toBeGreaterThan(60);
  });

  it('is refused without a key', async () => {
    const reached: string[] = [];
    for (const route of guarded()) {
      const { statusCode, headers } = await call(route);
      if (statusCode !== 401 || !String(headers['www-authenticate']).startsWith('Bearer '))
        reached.push(`${nameOf(route)} answered ${statusCode}`);
    }
    expect(reached).toEqual([]);
  });

  it('is refused with a key that does not exist', async () => {
    const answers = await Promise.all(guarded().map((route) => call(route, 'tv_made-up')));
    expect(answers.filter(({ statusCode }) => statusCode !== 401)).toEqual([]);
  });

  it('is refused with a key of every other scope, and the answer names the one it needs', async () => {
    const reached: string[] = [];
    for (const route of guarded()) {
      const scope = route.access?.scope;
      for (const other of SCOPES) {
        if (other === scope || other === 'admin' || (other === 'submit:command' && scope === 'submit'))
          continue;
        const { statusCode, body } = await call(route, other);
        const names = route.method === 'HEAD' || body.includes(scope ?? 'does not say who may');
        if (statusCode !== 403 || !names)
          reached.push(`${nameOf(route)} with ${other}: ${statusCode} ${body}`);
      }
    }
    expect(reached).toEqual([]);
  });

  it('lets the key with its scope through', async () => {
    const refused: string[] = [];
    for (const route of guarded().filter(({ access }) => access !== undefined)) {
      const { statusCode } = await call(route, route.access?.scope);
      if (statusCode !== REACHED) refused.push(`${nameOf(route)} answered ${statusCode}`);
    }
    expect(refused).toEqual([]);
  });
});

describe('a route that does not say who may use it', () => {
  it.each([...SCOPES])('is closed, even to %s', async (scope) => {
    const response = await app.inject({
      method: 'GET',
      url: '/nobody-said',
      headers: { 'x-api-key': scope },
    });
    expect(response.statusCode).toBe(403);
    expect(response.json<ProblemDocument>().detail).toContain('does not say who may');
  });
});

describe('a path that no route has', () => {
  it('tells a stranger nothing, and the holder of a key that it is not there', async () => {
    const path = (key?: string) => call({ method: 'GET', url: '/nowhere', access: undefined }, key);
    expect((await path()).statusCode).toBe(401);
    expect((await path('read')).statusCode).toBe(404);
  });
});
