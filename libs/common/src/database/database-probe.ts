/** Looks at Postgres from outside of any service, for whoever wants to know what is wrong. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';

export interface DatabaseFindings {
  /** Such as 16.4. */
  readonly version: string;
  /** How far Postgres's clock is ahead of ours, as far as a round trip lets one tell. */
  readonly clockAheadMs: number;
  /** Migrations that the database has not seen, in their order. */
  readonly pendingMigrations: readonly string[];
}

/** One round trip: its clock is that of its middle. */
const SQL_SERVER = `/* probe_server */
SELECT current_setting('server_version') AS version,
       extract(epoch FROM clock_timestamp()) * 1000 AS now,
       to_regclass('_prisma_migrations') IS NOT NULL AS migrated`;

const SQL_APPLIED = `/* probe_migrations */
SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`;

/**
 * @param prismaFolder holds migrations/
 * @throws when Postgres cannot be reached or does not let us in within `timeoutMs`
 */
export async function probeDatabase(
  databaseUrl: string,
  prismaFolder: string,
  timeoutMs: number,
): Promise<DatabaseFindings> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
  });
  // A connection that breaks while nothing is asked of it is no reason to end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    const before = Date.now();
    const { rows } = await client.query<{ version: string; now: string; migrated: boolean }>(SQL_SERVER);
    const after = Date.now();
    const [server] = rows;
    if (server === undefined) throw new Error('Postgres answered nothing');
    const applied = server.migrated ? (await client.query<{ name: string }>(SQL_APPLIED)).rows : [];
    return {
      version: server.version.split(' ')[0] ?? server.version,
      clockAheadMs: Math.round(Number(server.now) - (before + after) / 2),
      pendingMigrations: await missing(prismaFolder, new Set(applied.map(({ name }) => name))),
    };
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function missing(prismaFolder: string, applied: ReadonlySet<string>): Promise<string[]> {
  const entries = await readdir(join(prismaFolder, 'migrations'), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && !applied.has(entry.name))
    .map(({ name }) => name)
    .sort();
}
