/**
 * Finds the folder with Postgres' server programs. Packagers keep it off the PATH so that several versions can be
 * installed side by side; the newest one is taken.
 */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { outputOf } from '../run-command.js';
import { findProgram } from './find-program.js';

export interface PostgresBinaries {
  readonly folder: string;
  /** As the server tells it, such as `15.18`. */
  readonly version: string;
}

/** Oldest version whose SQL this project is tested with. */
const OLDEST_MAJOR = 14;

export function findPostgres(): PostgresBinaries | undefined {
  for (const folder of candidateFolders()) {
    if (!['postgres', 'initdb'].every((name) => existsSync(join(folder, name)))) continue;
    const version = parseVersion(outputOf(join(folder, 'postgres'), ['--version']) ?? '');
    if (version !== undefined && Number.parseInt(version, 10) >= OLDEST_MAJOR) return { folder, version };
  }
  return undefined;
}

function candidateFolders(): string[] {
  const asConfigured = outputOf('pg_config', ['--bindir']);
  const onPath = findProgram('postgres');
  return [
    ...newestFirst(subfolders('/usr/lib/postgresql')).map((version) => `/usr/lib/postgresql/${version}/bin`), // Debian, Ubuntu
    ...(asConfigured === undefined ? [] : [asConfigured]),
    ...(onPath === undefined ? [] : [dirname(onPath)]),
    ...newestFirst(subfolders('/usr').filter((name) => name.startsWith('pgsql-'))).map(
      (name) => `/usr/${name}/bin`,
    ), // Red Hat
    ...['/opt/homebrew/opt', '/usr/local/opt'].flatMap((brew) =>
      newestFirst(subfolders(brew).filter((name) => /^postgresql(@\d+)?$/.test(name))).map(
        (name) => `${brew}/${name}/bin`,
      ),
    ),
  ];
}

/** Sorts names by the number in them, the greatest first. */
export function newestFirst(names: readonly string[]): string[] {
  return [...names].sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
}

/** `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` → `15.18` */
export function parseVersion(text: string): string | undefined {
  return /\(PostgreSQL\) (\d+(?:\.\d+)*)/.exec(text)?.[1];
}

function subfolders(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
