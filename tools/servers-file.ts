/** `.servers`: where the running stores serve gRPC, in one line as `-servers=` takes it. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Profile } from './profile.js';
import { ROOT } from './root.js';

const SERVERS_FILE = join(ROOT, '.servers');

/** Tells of the stores that run now; without any there is no file. */
export function writeServersFile(profile: Profile): void {
  const ports = profile.registry
    .running()
    .flatMap(({ grpcPort }) => (grpcPort === undefined ? [] : [`localhost:${grpcPort}`]));
  if (ports.length === 0) rmSync(SERVERS_FILE, { force: true });
  else writeFileSync(SERVERS_FILE, `${ports.join(',')}\n`);
}

/** Empty when nothing runs. */
export function readServersFile(): string {
  return existsSync(SERVERS_FILE) ? readFileSync(SERVERS_FILE, 'utf8').trim() : '';
}
