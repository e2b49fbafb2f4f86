/** Job types, from their announcement to their result: those of one's own, and those that come with the executor. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiClient } from '../support/api-client.js';
import { startCluster, type Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';

const CLI = join(import.meta.dirname, '../../dist/apps/cli/src/main.js');

/** Tells its progress, and then waits to be stopped. */
const PATIENT = `export default {
  type: 'patient',
  payload: {},
  run: (_, { signal, progress }) => new Promise((_resolve, reject) => {
    progress(12.345, 'first');
    for (let n = 0; n < 1000; n += 1) progress(30, 'waiting');
    signal.addEventListener('abort', () => reject(signal.reason));
  }),
};`;

let folder: string;
let cluster: Cluster;
let api: ApiClient;
let server: Server;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'triumvir-handlers-'));
  await promisify(execFile)(process.execPath, [CLI, 'handler', 'new', 'greet', '--dir', folder]);
  await writeFile(join(folder, 'patient.handler.mjs'), PATIENT);
  server = createServer((_, response) =>
    response.writeHead(200, { 'content-type': 'text/plain' }).end('from the server'),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cluster = await startCluster({ env: { EXECUTOR_HANDLERS: folder, EXECUTOR_HTTP_ALLOW: '127.0.0.1' } });
  api = new ApiClient([cluster.url]);
});

afterAll(async () => {
  await cluster?.stop();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

const submit = (body: object) => api.request<{ errors?: object[] }>('POST', '/api/v1/jobs', body);
const progressOf = async (id: string) =>
  (await api.request<{ progress: object | null }>('GET', `/api/v1/jobs/${id}`)).body.progress;

test('what `triumvir handler new` writes runs jobs', async () => {
  const { id } = await api.submit({ type: 'greet', payload: { names: ['Ada', 'Grace'] } });
  expect(await api.waitFor(id)).toMatchObject({ state: 'succeeded', result: { greeted: 2 } });
  const { body } = await api.request<{ stdout: string }>('GET', `/api/v1/jobs/${id}/output`);
  expect(body.stdout).toBe(`job ${id}, attempt 1\nHello, Ada!\nHello, Grace!\n`);
  await eventually(async () =>
    expect(await progressOf(id)).toMatchObject({ percent: 100, message: 'Grace' }),
  );
});

test('a job shows how far it is while it runs, and can be cancelled', async () => {
  const { id } = await api.submit({ type: 'patient' });
  await eventually(async () =>
    expect(await progressOf(id)).toMatchObject({ percent: 30, message: 'waiting' }),
  );
  expect(await api.get(id)).toMatchObject({ state: 'running' });
  await api.request('POST', `/api/v1/jobs/${id}/cancel`);
  expect(await api.waitFor(id, ['cancelled'])).toMatchObject({ state: 'cancelled' });
  const { id: quiet } = await api.submit({ type: 'print', payload: { text: 'x' } });
  expect(await progressOf(quiet)).toBeNull();
});

test('what no handler would take is refused at submission, with what it would take', async () => {
  const wrong = await submit({ type: 'greet', payload: { names: ['Ada', ''], loud: true } });
  expect(wrong.status).toBe(422);
  expect(wrong.body.errors).toEqual([
    { field: 'payload.loud', message: 'is not a known field; there are names', allowed: ['names'] },
    { field: 'payload.names.1', message: 'must NOT have fewer than 1 characters' },
  ]);
  const unknown = await submit({ type: 'email', payload: {} });
  expect(unknown.status).toBe(422);
  expect(unknown.body.errors).toEqual([
    expect.objectContaining({ field: 'type', allowed: ['command', 'greet', 'http', 'patient', 'print'] }),
  ]);
});

test('http jobs reach what is allowed, and nothing else inside', async () => {
  const { port } = server.address() as AddressInfo;
  const { id } = await api.submit({ type: 'http', payload: { url: `http://127.0.0.1:${port}/` } });
  expect(await api.waitFor(id)).toMatchObject({ state: 'succeeded', result: { body: 'from the server' } });
  const { id: refused } = await api.submit({ type: 'http', payload: { url: `http://[::1]:${port}/` } });
  expect(await api.waitFor(refused)).toMatchObject({
    state: 'dead',
    attempt: 1,
    error: { name: 'AddressRefused' },
  });
});
