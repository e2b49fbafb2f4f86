/** A store that everybody could reach, and that nobody would have to prove anything to, does not start. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from '#tools/root.js';
import { createTestDatabase } from '../support/database.js';
import { testServers } from '../support/environment.js';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.drop());

function startStore(env: Readonly<Record<string, string>>): Promise<{ code: number | null; said: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(ROOT, 'dist', 'apps', 'store-service', 'src', 'main.js')], {
      env: {
        PATH: process.env['PATH'],
        DATABASE_URL: database.url,
        ZOOKEEPER_HOST: testServers().zookeeperHost,
        STORE_SERVICE_PORT: '0',
        SERVER_PORT: '0',
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.on('close', (code) => resolve({ code, said }));
  });
}

test('beyond loopback without any key: it ends with one line that says what to do', async () => {
  const { code, said } = await startStore({ STORE_SERVICE_HOST: '0.0.0.0' });
  expect(code).toBe(1);
  const line = said.split('\n').find((each) => each.includes('Cannot start')) ?? said;
  expect(line).toMatch(/^store-service: Cannot start: .*STORE_BOOTSTRAP_KEY.*docs\/SECURITY\.md/);
  expect(said).not.toContain('service started');
});

test.each([
  ['STORE_BOOTSTRAP_KEY', 'too-short'],
  ['STORE_ALLOW_OPEN_ACCESS', 'yes'],
])('a %s that is none is refused without being repeated', async (name, value) => {
  const { code, said } = await startStore({ STORE_SERVICE_HOST: '0.0.0.0', [name]: value });
  expect(code).toBe(1);
  expect(said).toContain(`${name} is wrong`);
  expect(said).not.toContain(value);
});
