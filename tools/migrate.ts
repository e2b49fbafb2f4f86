/**
 * Brings the database of DATABASE_URL to the newest schema and ends: the one-shot job that docker-compose.yaml, or any
 * other orchestrator, runs before the services.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { databaseEnvironment, EnvironmentError, parseEnvironment } from '#common/config/environment.js';
import { migrate } from '#common/database/migrate.js';
import { ROOT } from './root.js';
import { complain, PlainError, say } from './screen.js';
import { withPostgres } from './sql.js';

/** How long the database may take to come up, in milliseconds. */
const UP_WITHIN_MS = 60_000;
const POLL_MS = 500;

/** SQLSTATE classes that no waiting cures: the login is refused, or there is no such database. */
const HOPELESS = /^(28|3D)...$/;

async function waitForPostgres(url: string): Promise<void> {
  const deadline = Date.now() + UP_WITHIN_MS;
  for (;;) {
    try {
      await withPostgres(url, (client) => client.query('SELECT 1'));
      return;
    } catch (error) {
      if (HOPELESS.test(codeOf(error)) || Date.now() > deadline) {
        throw new PlainError(`Postgres at DATABASE_URL cannot be used: ${reasonOf(error)}`, { cause: error });
      }
      await delay(POLL_MS);
    }
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** A host with several addresses fails with one error for each, and no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

async function main(): Promise<number> {
  try {
    const { DATABASE_URL } = parseEnvironment(databaseEnvironment, process.env);
    await waitForPostgres(DATABASE_URL);
    const { applied } = await migrate(DATABASE_URL, join(ROOT, 'prisma'));
    say('Database', applied.length === 0 ? 'the schema is up to date' : `applied ${applied.join(', ')}`);
    return 0;
  } catch (error) {
    complain(error instanceof EnvironmentError ? new PlainError(error.message) : error);
    return 1;
  }
}

// The schema engine's idle connections would keep this process for ten more seconds, and the services wait for its end.
process.exit(await main());
