import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.js';
import { ServiceProcess } from './service-process.js';

let folder: string;
let service: ServiceProcess;
let unexpected: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chaos-service-'));
  unexpected = [];
  service = new ServiceProcess({
    kind: 'store',
    id: 'store-1',
    port: 0,
    codeFolder: folder,
    folder,
    env: {},
    onUnexpectedExit: ({ how }) => void unexpected.push(how),
  });
});

afterEach(() => {
  service.abandon();
  rmSync(folder, { recursive: true });
});

/** Starts it with code that runs upon SIGTERM. */
async function startWith(uponSigterm: string): Promise<void> {
  const entry = join(folder, 'dist', 'apps', 'store-service', 'src', 'main.js');
  mkdirSync(dirname(entry), { recursive: true });
  writeFileSync(
    entry,
    `process.on('SIGTERM', () => { ${uponSigterm} }); setInterval(() => undefined, 1000); console.log('up');`,
  );
  service.start();
  await eventually(() => readFileSync(service.logFile, 'utf8').includes('up'));
}

const NEVER_MS = 60_000;

it('has nothing to tell of a service that goes when it is told to', async () => {
  await startWith('process.exit(0)');
  await service.terminate(NEVER_MS);
  expect(unexpected).toEqual([]);
});

it('tells of one that ends with an error', async () => {
  await startWith('process.exit(3)');
  await service.terminate(NEVER_MS);
  expect(unexpected).toEqual(['ended upon SIGTERM with exit code 3']);
});

it('tells of one that does not end until it is killed', async () => {
  await startWith('');
  await service.terminate(100);
  expect(unexpected).toEqual(['had to be killed, 100 ms after SIGTERM']);
});

it('has nothing to tell of one that the suite kills', async () => {
  await startWith('');
  const ended = service.terminate(NEVER_MS);
  await service.kill();
  await ended;
  expect(unexpected).toEqual([]);
});
