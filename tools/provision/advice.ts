/** What to type when a server can be had in none of the ways. */
import { PACKAGES } from './apt.js';
import { DISPLAY_NAMES, type ServerName } from './server-names.js';

const HOMEBREW: Readonly<Record<ServerName, readonly string[]>> = {
  postgres: ['postgresql@17'],
  redis: ['redis'],
  zookeeper: ['zookeeper', 'openjdk'],
};

const SETTINGS: Readonly<Record<ServerName, readonly string[]>> = {
  postgres: ['DATABASE_URL=postgresql://user:password@host:5432/database'],
  redis: ['REDIS_HOST=host', 'REDIS_PORT=6379'],
  zookeeper: ['ZOOKEEPER_HOST=host:2181'],
};

/**
 * @param missing The servers that could not be provided.
 * @param failures Why ways that were open led nowhere.
 */
export function advice(missing: readonly ServerName[], failures: readonly string[]): string {
  const names = new Intl.ListFormat('en').format(missing.map((name) => DISPLAY_NAMES[name]));
  return [
    `There is no ${names} to be had here. Any one of these helps; then run make again:`,
    `  Debian, Ubuntu   sudo apt-get update && sudo apt-get install --no-install-recommends ${missing.flatMap((name) => PACKAGES[name]).join(' ')}`,
    `  macOS            brew install ${missing.flatMap((name) => HOMEBREW[name]).join(' ')}`,
    '  Docker           start the Docker engine (on Linux: sudo systemctl start docker)',
    `  elsewhere        set in .env: ${missing.flatMap((name) => SETTINGS[name]).join(', ')}`,
    ...failures.map((failure) => `What was tried: ${failure}`),
  ].join('\n');
}
