/** Every HTTP door of a store that runs is closed to those who may not pass, and so is what looks like one. */
import { request } from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCOPES, type Scope } from '#common/domain/access.js';
import { ROOT } from '#tools/root.js';
import { ApiClient } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { DescribedApi } from '../support/described-api.js';
import { makeKey } from '../support/keys.js';

const ADMIN_KEY = 'the-key-of-these-tests-and-no-other';
const OPEN_TO_ALL = ['/health', '/health/live', '/health/ready'];
const ID = '0198f2a4-0000-7000-8000-000000000000';

interface Documented {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly security: readonly { readonly bearer?: Scope[] }[] }>>>
  >;
}

const { paths } = JSON.parse(readFileSync(join(ROOT, 'openapi.json'), 'utf8')) as Documented;
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { security }]) => ({
    method: method.toUpperCase(),
    path,
    url: path.replaceAll(/\{\w+\}/g, ID),
    scope: security[0]?.bearer?.[0],
  })),
);
const guarded = operations.flatMap(({ scope, ...rest }) => (scope === undefined ? [] : [{ ...rest, scope }]));
const described = new DescribedApi();

let cluster: Cluster;
let admin: ApiClient;
/** A key of each scope alone. */
const keys = new Map<Scope, string>();

beforeAll(async () => {
  cluster = await startCluster({ env: { STORE_BOOTSTRAP_KEY: ADMIN_KEY } });
  admin = new ApiClient([cluster.url], ADMIN_KEY);
  for (const scope of SCOPES) keys.set(scope, (await makeKey(admin, [scope])).key);
});
afterAll(() => cluster?.stop());

/** Sends exactly that path, which fetch would tidy up; of a stream only the beginning is waited for. */
function call(method: string, path: string, key?: string): Promise<number> {
  const { hostname, port } = new URL(cluster.url);
  return new Promise((resolve, reject) => {
    const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const sent = request({ hostname, port, method, path, headers }, (response) => {
      const status = response.statusCode ?? 0;
      if (status < 400 || method === 'HEAD') {
        response.destroy();
        return resolve(status);
      }
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => {
        try {
          const contentType = response.headers['content-type'] ?? null;
          described.check({ method, path, status, contentType, text });
          resolve(status);
        } catch (error) {
          reject(error);
        }
      });
    });
    sent.on('error', reject).end();
  });
}

test('no route is open to all but those for health', async () => {
  const open = operations.filter(({ scope }) => scope === undefined);
  expect(open.map(({ path }) => path).sort()).toEqual(OPEN_TO_ALL);
  for (const { method, url } of open) expect([200, 503]).toContain(await call(method, url));
  expect(guarded.length).toBeGreaterThan(55);
});

describe('every route of the document', () => {
  test.each(guarded)('$method $path wants a key with $scope', async ({ method, url, scope }) => {
    expect(await call(method, url)).toBe(401);
    expect(await call(method, url, 'tv_made-up')).toBe(401);
    for (const [other, key] of keys) {
      const includes =
        other === scope || other === 'admin' || (other === 'submit:command' && scope === 'submit');
      if (!includes) expect([other, await call(method, url, key)]).toEqual([other, 403]);
    }
  });

  test('is no more open to HEAD', async () => {
    for (const { method, url, scope } of guarded.filter((route) => route.method === 'GET')) {
      const wrong = keys.get(scope === 'read' ? 'operate' : 'read');
      const statuses = [await call('HEAD', url), await call('HEAD', url, wrong)];
      expect([method, url, ...statuses]).toEqual([method, url, 401, 403]);
    }
  });

  test('has no other method that answers without a key', async () => {
    for (const url of new Set(operations.map((operation) => operation.url)))
      for (const method of ['OPTIONS', 'GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'QUERY', 'TRACE'])
        if (
          !operations.some((each) => each.url === url && each.method === method && each.scope === undefined)
        )
          expect([method, url, await call(method, url)]).toEqual([method, url, 401]);
  });
});

test.each([
  '/',
  '/nowhere',
  '//api/v1/jobs',
  '/api/v1/jobs/',
  '/API/v1/jobs',
  '/api/v1/%6Aobs',
  '/api/v1/jobs%00',
  '/health/../api/v1/jobs',
  '/health/live/../../api/v1/jobs',
  '/health/..%2fapi/v1/jobs',
  '/health/live;/api/v1/jobs',
  '/health/live/x',
  '/health/live?/api/v1/jobs',
  'http://127.0.0.1/api/v1/jobs',
])('%s is no way around', async (path) => {
  const status = await call('GET', path);
  // The question mark begins a query, which health does not look at.
  if (path.includes('live?')) expect(status).toBe(200);
  else expect([400, 401]).toContain(status);
});

describe('the doors for clients of other systems', () => {
  const commands = [
    ['/schedule', { command: 'true', scheduled_at: '2030-01-31T09:00:00Z' }],
    ['/tasks', { type: 'command', data: { command: 'true' } }],
  ] as const;

  test('want the scope for commands, and say so in their own form', async () => {
    const submitter = new ApiClient([cluster.url], keys.get('submit'));
    const commander = new ApiClient([cluster.url], keys.get('submit:command'));
    for (const [path, body] of commands) {
      const refused = await submitter.request('POST', path, body);
      expect([path, refused.status]).toEqual([path, 403]);
      expect(refused.body).toHaveProperty(
        path === '/tasks' ? 'error' : 'detail',
        expect.stringContaining('submit:command'),
      );
      expect((await commander.request('POST', path, body)).status).toBeLessThan(300);
    }
    const harmless = { type: 'print', data: { text: 'x' } };
    expect((await submitter.request('POST', '/tasks', harmless)).status).toBe(201);
  });

  test('heed the queues of a key: these systems know one queue, default', async () => {
    const { key } = await makeKey(admin, ['read', 'submit:command'], { queues: ['team-a.*'] });
    const limited = new ApiClient([cluster.url], key);
    for (const [path, body] of commands) expect((await limited.request('POST', path, body)).status).toBe(403);
    const other = await admin.submit({ type: 'command', payload: { command: 'true' }, delay: '1h' });
    const mine = await limited.submit({
      type: 'print',
      payload: { text: 'x' },
      delay: '1h',
      queue: 'team-a.tasks',
    });
    for (const path of [`/status?task_id=${other.id}`, `/tasks/${other.id}`, '/queue/stats'])
      expect([path, (await limited.request('GET', path)).status]).toEqual([path, 403]);
    const { body } = await limited.request<{ tasks: { id: string }[] }>('GET', '/tasks');
    expect(body.tasks.map(({ id }) => id)).toEqual([mine.id]);
  });

  test('tell a key beyond its rate when to come back', async () => {
    const { key } = await makeKey(admin, ['read'], { rate: '1/h' });
    const limited = new ApiClient([cluster.url], key);
    expect((await limited.request('GET', '/tasks')).status).toBe(200);
    const { status, headers, body } = await limited.request('GET', '/tasks');
    expect(status).toBe(429);
    expect(body).toHaveProperty('error');
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(1000);
  });
});
