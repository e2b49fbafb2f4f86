/** What the doctor makes of what it sees, where a wrong word would send people the wrong way. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { StoreApi } from '../api.js';
import { profilesPath } from '../profiles.js';
import { lookAtCluster } from './cluster.js';
import { lookAtProfiles } from './here.js';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

test('executors that the store lists are alive, however wrong our own clock is', async () => {
  const executor = { id: 'executor-1', slots: 16, running: 2, types: ['print'] };
  const cluster = {
    elections: [],
    members: {},
    executors: [{ ...executor, leaseExpiresAt: '2001-01-31T08:00:00.000Z' }],
  };
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(cluster));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const findings = await lookAtCluster(new StoreApi({ baseUrl: `http://127.0.0.1:${port}` }));
  expect(findings).toContainEqual({
    check: 'executors',
    status: 'ok',
    detail: '1 alive, 2 of 16 slots busy',
  });
});

test.each([
  [0o600, 'ok'],
  [0o700, 'ok'],
  [0o640, 'warn'],
  [0o604, 'warn'],
])('a file of profiles with mode %i is %s', (mode, status) => {
  const folder = mkdtempSync(join(tmpdir(), 'triumvir-doctor-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const env = { XDG_CONFIG_HOME: folder };
  mkdirSync(dirname(profilesPath(env)));
  writeFileSync(profilesPath(env), '{"profiles":{}}');
  chmodSync(profilesPath(env), mode);
  expect(lookAtProfiles(env).status).toBe(status);
});
