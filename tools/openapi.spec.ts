import { readFileSync } from 'node:fs';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { beforeAll, describe, expect, it } from 'vitest';
import { routesOf, type Route } from '../apps/store-service/src/openapi/routes.js';
import { DescribedApi } from '../test/support/described-api.js';
import { currentControllers, currentDocument, OPENAPI_FILE, openApiText } from './openapi.js';

let routes: Route[];
let api: DescribedApi;

beforeAll(async () => {
  routes = routesOf(await currentControllers());
  api = new DescribedApi(await currentDocument());
});

describe('openapi.json', () => {
  it('is what the store answers today; if not: npm run openapi', async () => {
    expect(readFileSync(OPENAPI_FILE, 'utf8')).toBe(openApiText(await currentDocument()));
  });

  it('has every route: each is described by @Operation', () => {
    expect(routes.filter(({ operation }) => operation === undefined).map(({ handler }) => handler)).toEqual(
      [],
    );
    expect(routes.length).toBeGreaterThan(20);
  });

  it('has every path that the HTTP server really answers', async () => {
    const testing = await Test.createTestingModule({ controllers: await currentControllers() })
      .useMocker(() => ({}))
      .compile();
    const app = testing.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), {
      logger: false,
    });
    const served: string[] = [];
    app
      .getHttpAdapter()
      .getInstance()
      .addHook('onRoute', ({ method, url }) => {
        for (const verb of [method].flat()) {
          // Fastify answers HEAD wherever there is GET.
          if (verb !== 'HEAD') served.push(`${verb} ${url.replaceAll(/:(\w+)/g, '{$1}')}`);
        }
      });
    await app.init();
    await app.close();
    const described = new Set(api.operations.map(({ method, path }) => `${method} ${path}`));
    expect(served.length).toBeGreaterThan(20);
    expect(served.filter((route) => !described.has(route))).toEqual([]);
  });

  it('calls each operation by a name of its own, which generated clients use for a function', () => {
    const ids = api.operations.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[a-z]+[A-Za-z0-9]+$/.test(id))).toEqual([]);
  });

  it('tells every parameter of a path and every header that is read', () => {
    for (const { path, parameters, headers, operation, handler } of routes) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect([handler, ...Object.keys(parameters?.shape ?? {})]).toEqual([handler, ...inPath]);
      const told = Object.keys(operation?.headers ?? {}).map((name) => name.toLowerCase());
      expect([handler, ...told]).toEqual([handler, ...headers.map((name) => name.toLowerCase())]);
    }
  });

  it('tells the status that a success really has', () => {
    for (const { handler, status, operation } of routes)
      expect([handler, ...Object.keys(operation?.answers ?? {})]).toContain(String(status));
  });

  it('has an example of each path, each JSON body and each success, and each is as its schema says', () => {
    const faults: string[] = [];
    const check = (what: string, schemaAt: string, example: unknown) => {
      if (example === undefined) faults.push(`${what} has no example`);
      else if (api.faults(schemaAt, example) !== undefined)
        faults.push(`${what}: ${api.faults(schemaAt, example)}`);
    };
    for (const { id, parameters, bodies, answers } of api.operations) {
      for (const { name, in: place, example } of parameters)
        if (place === 'path' && example === undefined) faults.push(`${id} ${name} has no example`);
      for (const [mediaType, { schemaAt, example }] of Object.entries(bodies))
        check(`${id} body ${mediaType}`, schemaAt, id === 'submitBatch' ? acceptable(example) : example);
      for (const [status, { content }] of Object.entries(answers))
        for (const { schemaAt, example } of Object.values(content))
          check(`${id} ${status}`, schemaAt, example);
    }
    expect(faults).toEqual([]);
  });
});

/** The example of a batch shows on purpose what a job that is not accepted is answered. */
function acceptable(example: unknown): unknown {
  if (typeof example === 'string') return example;
  return JSON.parse(JSON.stringify(example).replace('"priority":10', '"priority":9'));
}

describe('the check that the tests hold answers against', () => {
  const health = (answer: object, status = 200, contentType = 'application/json') => ({
    method: 'GET',
    path: '/health/ready?x=1',
    status,
    contentType: `${contentType}; charset=utf-8`,
    text: JSON.stringify(answer),
  });

  it('lets pass what the document says, and routes that it does not have', () => {
    expect(() => api.check(health({ status: 'ok', checks: { postgres: 'ok' } }))).not.toThrow();
    expect(() => api.check({ ...health({}), path: '/nowhere' })).not.toThrow();
  });

  it.each([
    ['a field that is missing', health({ status: 'ok' })],
    ['a field that nobody has documented', health({ status: 'ok', checks: {}, more: 1 })],
    ['a value that is not allowed', health({ status: 'fine', checks: {} })],
    ['a status that is not documented', health({ status: 'ok', checks: {} }, 418)],
    ['another media type', health({ status: 'ok', checks: {} }, 200, 'text/json')],
  ])('refuses %s', (_what, answer) => {
    expect(() => api.check(answer)).toThrow('getReadiness');
  });
});
